import { shortcuts } from './preferences.ts'
import { addressOf, go } from './router.ts'

/** The links of the rail, with the key that follows `g`. */
export const sections = [
  { name: 'Map', path: '/', key: 'm' },
  { name: 'Traces', path: '/traces', key: 't' },
  { name: 'Logs', path: '/logs', key: 'l' },
  { name: 'Queues', path: '/queues', key: 'q' },
  { name: 'Data', path: '/data', key: 'd' },
  { name: 'Charts', path: '/charts', key: 'c' },
  { name: 'Promises', path: '/promises', key: 'p' },
  { name: 'Services', path: '/services', key: 's' },
  { name: 'Actions', path: '/actions', key: 'a' },
] as const
export type SectionName = (typeof sections)[number]['name']

type Action = (event: KeyboardEvent) => void
const actions = new Map<string, Action>()
/** How long after `g` the second key counts. */
const sequenceMs = 1_500
let isAfterG = false
let timer: number | undefined

/** What a key does while it stands in no text field; the frame and its page say so. */
export function onKey(key: string, action: Action): () => void {
  actions.set(key, action)
  return () => {
    if (actions.get(key) === action) actions.delete(key)
  }
}

export function startKeys(): void {
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
    if (event.key === 'Escape') actions.get('Escape')?.(event)
    if (shortcuts.get() === 'off' || takesText(event.target) || hasDialog()) return
    if (isAfterG) {
      isAfterG = false
      const section = sections.find(({ key }) => key === event.key)
      if (section === undefined) return
      event.preventDefault()
      go(addressOf(section.path))
      return
    }
    if (event.key === 'g') {
      isAfterG = true
      clearTimeout(timer)
      timer = setTimeout(() => {
        isAfterG = false
      }, sequenceMs)
      return
    }
    if (event.key === ' ' && isPressable(event.target)) return
    const action = event.key === 'Escape' ? undefined : actions.get(event.key)
    if (action === undefined) return
    event.preventDefault()
    action(event)
  })
  for (const key of ['j', 'k']) onKey(key, focusList)
}

/** `j` and `k` outside of a list lead into it. */
function focusList(): void {
  document.querySelector<HTMLElement>('main [role=row][tabindex="0"]')?.focus()
}

const hasDialog = () => document.querySelector('dialog[open]') !== null

function takesText(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  if (target instanceof HTMLInputElement) return !['checkbox', 'radio', 'button'].includes(target.type)
  return target.isContentEditable || target.matches('textarea, select')
}

function isPressable(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches('a, button, summary, input, [role=tab]')
}
