import { useState } from 'preact/hooks'
import { button, component, span } from '../elements.ts'
import { icon } from './icons.ts'

const shownMs = 2_000

/** Copies a text, and says whether it has. Browsers permit it to pages of this machine and of HTTPS only. */
export const copyButton = component(function CopyButton(props: {
  readonly name: string
  readonly text: () => string | Promise<string>
}) {
  const [outcome, setOutcome] = useState('')
  const copy = async () => {
    const text = await props.text()
    await navigator.clipboard.writeText(text)
  }
  const show = (text: string) => {
    setOutcome(text)
    setTimeout(() => setOutcome(''), shownMs)
  }
  return button(
    {
      type: 'button',
      onClick: () =>
        copy().then(
          () => show('Copied'),
          () => show('The browser refuses to copy'),
        ),
    },
    icon('copy'),
    span({ role: 'status' }, outcome === '' ? props.name : outcome),
  )
})
