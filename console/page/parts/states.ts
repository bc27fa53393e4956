import type { ComponentChildren, VNode } from 'preact'
import type { CallError } from '../api.ts'
import { button, classes, div, h2, li, p, ul } from '../elements.ts'
import { icon } from './icons.ts'
import type { IconName } from './icons.ts'

/** What stands where content would be. Each says why there is none, and what to do next. */
function state(
  kind: string,
  sign: IconName,
  title: string,
  text: ComponentChildren,
  ...next: ComponentChildren[]
): VNode<object> {
  return div(
    { class: classes('state', kind), role: kind === 'loading' ? 'status' : undefined },
    icon(sign),
    h2({}, title),
    div({ class: 'state-text' }, text),
    next.length > 0 && div({ class: 'state-next' }, ...next),
  )
}

/** Nothing is there. `next` are buttons and links. */
export function empty(title: string, text: ComponentChildren, ...next: ComponentChildren[]): VNode<object> {
  return state('empty', 'empty', title, text, ...next)
}

export function loading(what: string): VNode<object> {
  return state('loading', 'wait', `Loading ${what}`, p({}, 'This takes a moment.'))
}

const titles: Readonly<Record<CallError['kind'], string>> = {
  denied: 'This is not permitted',
  away: 'No response',
  absent: 'This does not exist',
  changed: 'This has changed meanwhile',
  invalid: 'This cannot be shown',
}
const advice: Readonly<Record<CallError['kind'], string>> = {
  denied: 'Sign in with a token that permits it, or set CONSOLE and the scopes of the token so that they do.',
  away: 'It is called again when you choose so. If it stays away, look at its log and at Services.',
  absent:
    'It may have been forgotten: the oldest is, when the file is nearly full. Look at a longer span of time, or go back.',
  changed: 'Load it again to see what it is now.',
  invalid: 'Change what the filters and the address say.',
}

/** A call has failed; `retry` makes it again. */
export function failure(error: CallError, retry?: () => void): VNode<object> {
  return state(
    error.kind,
    error.kind === 'denied' ? 'lock' : 'alert',
    titles[error.kind],
    [
      p({}, error.message),
      error.errors.length > 0 && ul({}, ...error.errors.map((text) => li({}, text))),
      p({ class: 'quiet' }, advice[error.kind]),
    ],
    retry !== undefined && button({ type: 'button', class: 'primary', onClick: retry }, 'Try again'),
  )
}

/** A failure above content that is older than it: the content stays. */
export function staleNotice(error: CallError, retry: () => void): VNode<object> {
  return div(
    { class: 'notice bad', role: 'status' },
    icon('alert'),
    p({}, `This is not the newest: ${error.message}`),
    button({ type: 'button', onClick: retry }, 'Try again'),
  )
}
