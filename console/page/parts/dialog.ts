import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { button, component, dialogElement, div, h2 } from '../elements.ts'
import { icon } from './icons.ts'

type DialogProps = {
  readonly title: string
  readonly close: () => void
  readonly children?: ComponentChildren
}

/** A modal dialog while it is rendered. The browser holds the focus in it; afterwards the focus is where it was. */
export const dialog = component(function Dialog({ title, close, children }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    const before = document.activeElement
    ref.current?.showModal()
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus()
      else document.getElementById('main')?.focus()
    }
  }, [])
  return dialogElement(
    {
      ref,
      class: 'dialog',
      'aria-labelledby': id,
      onCancel: (event) => {
        event.preventDefault()
        close()
      },
      onClick: (event) => {
        if (event.target === ref.current) close()
      },
    },
    div(
      { class: 'dialog-body' },
      div(
        { class: 'dialog-head' },
        h2({ id }, title),
        button({ type: 'button', class: 'plain', 'aria-label': 'Close', onClick: close }, icon('close')),
      ),
      children,
    ),
  )
})
