import { useState } from 'preact/hooks'
import { button, component } from '../elements.ts'
import { announce } from '../session.ts'
import { icon } from './icons.ts'

type CopyButtonProps = {
  readonly text: string
  /** What is copied, as the beginning of a sentence. */
  readonly what: string
  /** What the button says; an icon without. */
  readonly title?: string
}
const doneMs = 1_500

export const copyButton = component(function CopyButton({ text, what, title }: CopyButtonProps) {
  const [isDone, setDone] = useState(false)
  async function copy(): Promise<void> {
    await navigator.clipboard.writeText(text)
    announce(`${what} is in the clipboard.`)
    setDone(true)
    setTimeout(() => setDone(false), doneMs)
  }
  return button(
    {
      type: 'button',
      class: 'plain copy',
      'aria-label': title === undefined ? `Copy: ${what}` : undefined,
      title: title === undefined ? 'Copy' : text,
      onClick: () => void copy(),
    },
    isDone ? 'Copied' : (title ?? icon('copy')),
  )
})
