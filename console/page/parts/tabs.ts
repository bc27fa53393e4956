import { useId } from 'preact/hooks'
import type { ComponentChildren } from 'preact'
import { button, component, div } from '../elements.ts'

type TabsProps = {
  readonly label: string
  readonly tabs: readonly { readonly name: string; readonly title: string }[]
  readonly chosen: string
  readonly choose: (name: string) => void
  readonly children?: ComponentChildren
}

/** Tabs and the panel of the chosen one. One of them is a stop of the Tab key; the arrow keys choose. */
export const tabs = component(function Tabs({ label, tabs: all, chosen, choose, children }: TabsProps) {
  const id = useId()
  const move = (event: KeyboardEvent, index: number) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
    const next = all[(index + step + all.length) % all.length]
    if (step === 0 || next === undefined) return
    event.preventDefault()
    choose(next.name)
    document.getElementById(`${id}-${next.name}`)?.focus()
  }
  return div(
    { class: 'tabs' },
    div(
      { role: 'tablist', 'aria-label': label, class: 'tab-list' },
      ...all.map(({ name, title }, index) =>
        button(
          {
            key: name,
            id: `${id}-${name}`,
            type: 'button',
            role: 'tab',
            class: 'plain tab',
            'aria-selected': name === chosen,
            'aria-controls': `${id}-panel`,
            tabIndex: name === chosen ? 0 : -1,
            onClick: () => choose(name),
            onKeyDown: (event) => move(event, index),
          },
          title,
        ),
      ),
    ),
    div(
      { role: 'tabpanel', id: `${id}-panel`, 'aria-labelledby': `${id}-${chosen}`, class: 'tab-panel' },
      children,
    ),
  )
})
