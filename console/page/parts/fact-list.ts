import type { ComponentChildren, VNode } from 'preact'
import { classes, dd, div, dl, dt } from '../elements.ts'

export type Fact = {
  readonly name: string
  readonly value: ComponentChildren
  readonly tone?: 'bad' | 'warn' | undefined
  /** Why there is no value, or what it means. */
  readonly note?: string | undefined
}

/** A few figures side by side, each under its name. */
export function factList(facts: readonly Fact[]): VNode {
  return dl(
    { class: 'facts' },
    ...facts.map(({ name, value, tone, note }) =>
      div({ key: name, class: classes('fact', tone), title: note }, dt({}, name), dd({}, value)),
    ),
  )
}
