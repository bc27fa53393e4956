import type { Session } from '../src/wire/index.ts'
import { createStore } from './store.ts'

/** Who looks, and what the console lets them do; undefined until the server has said so. */
export const session = createStore<Session | undefined>(undefined)

/** Why actions are refused; undefined where they are not. */
export function refusalOfActions(current: Session | undefined): string | undefined {
  if (current === undefined) return 'It is not known yet whether actions are permitted.'
  return current.mode === 'read' ? 'Actions are off: the console was started with CONSOLE=read.' : undefined
}
/** The sentence that screen readers speak next. */
export const announced = createStore('')
/** So that changes do not drown what is being read. */
const everyMs = 5_000

let waiting: string | undefined
let timer: number | undefined

/** Speaks a change of state, at most one each five seconds; of several meanwhile the last. */
export function announce(text: string): void {
  waiting = text
  if (timer === undefined) speak()
}

function speak(): void {
  timer = undefined
  if (waiting === undefined) return
  announced.set(waiting)
  waiting = undefined
  timer = setTimeout(speak, everyMs)
}
