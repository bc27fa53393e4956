import { keepOthers } from './arbitrated-state.ts'
import { of } from './explore.ts'
import { D, emptyKey, estimate, idleReader, M } from './lifecycle-state.ts'
import type { Add, LifecycleSettings, Seen, State } from './lifecycle-state.ts'

/** The cache, by the rules of docs/decisions/0021 while one Redis is in use, and the steps of reads. */

/** Sets the marker of a write, and its deadline. */
export function mark(state: State, i: number, settings: LifecycleSettings): void {
  if (settings.readers === undefined) return
  state.tokens += 1
  Object.assign(of(state.writers, i), { token: state.tokens, left: D })
  const others = keepOthers(state.key.markers, state.tokens, settledOf(state, settings))
  state.key = {
    ...emptyKey(),
    markers: [...others, { of: [state.tokens], left: M }],
    isTainted: others.length > 0,
  }
}

/** Sends the end of a write, with what it may store. */
export function sendEnd(state: State, i: number, value: Seen | null): void {
  const { token } = of(state.writers, i)
  if (token !== 0) state.messages.push({ kind: 'end', token, value })
}

export function cacheSteps(state: State, settings: LifecycleSettings, add: Add): void {
  for (const [i, { kind, token }] of state.messages.entries())
    add(`the ${kind} with token ${token} arrives`, (next) => arrive(next, i, settings))
  const { lease } = state.key
  if (lease !== 0)
    add(`lease ${lease} expires`, (next) => {
      next.key = emptyKey()
    })
  const { settling } = state
  const isRunning = (token: number) =>
    state.writers.some((writer) => writer.at === 'committing' && writer.token === token)
  if (settling !== null && !settling.waiting.some(isRunning))
    add('the database shows that the writes of expired markers have ended', (next) => {
      next.settled = [...new Set([...next.settled, ...settling.markers])].toSorted()
      next.settling = null
    })
}

function arrive(state: State, i: number, settings: LifecycleSettings): void {
  const { kind, token, value } = of(state.messages, i)
  state.messages.splice(i, 1)
  const { key } = state
  if (kind === 'fill') {
    if (key.lease === token) state.key = { ...emptyKey(), value }
    return
  }
  const others = keepOthers(key.markers, token, settledOf(state, settings))
  const isAlone =
    key.markers.some((marker) => marker.of.length === 1 && marker.of[0] === token) && !key.isTainted
  if (others.length > 0) state.key = { ...emptyKey(), markers: others, isTainted: true }
  else state.key = { ...emptyKey(), value: isAlone ? value : null }
}

/** The tokens whose expired markers no longer count. */
function settledOf(state: State, { without }: LifecycleSettings): readonly number[] {
  return without === 'settling of markers'
    ? Array.from({ length: state.tokens }, (_, i) => i + 1)
    : state.settled
}

export function readerSteps(state: State, i: number, settings: LifecycleSettings, add: Add): void {
  const { at, reads, token, seen } = of(state.readers, i)
  const name = `reader ${i + 1}`
  if (at === 'idle' && reads > 0)
    add(`${name} sends a get`, (next) => {
      Object.assign(of(next.readers, i), { at: 'getting', floor: next.shown })
    })
  if (at === 'getting')
    add(`the get of ${name} arrives`, (next) => {
      const { value } = next.key
      Object.assign(of(next.readers, i), { at: value === null ? 'empty' : 'answering', seen: value })
    })
  if (at === 'empty') add(`${name} tries to take the lease`, (next) => lease(next, i, settings))
  if (at === 'loading')
    add(`${name} reads the database`, (next) => {
      const { row, time, commits } = next
      const loaded = { commits, row: row !== null && row.expire > time ? row : null }
      if (token !== 0) next.messages.push({ kind: 'fill', token, value: loaded })
      Object.assign(of(next.readers, i), { at: 'answering', seen: loaded })
    })
  if (at === 'answering' && seen !== null) add(`${name} responds`, (next) => respond(next, i, seen, settings))
}

function lease(state: State, i: number, settings: LifecycleSettings): void {
  const reader = of(state.readers, i)
  reader.at = 'loading'
  const { value, lease: other, markers } = state.key
  if (value !== null || other !== 0 || markers.some(({ left }) => left > 0)) return
  const doubtful = keepOthers(markers, -1, settledOf(state, settings)).flatMap((marker) => marker.of)
  if (doubtful.length > 0) {
    const overdue = state.writers.filter(({ at, left }) => at === 'committing' && left === 0)
    state.settling ??= { markers: doubtful, waiting: overdue.map(({ token }) => token) }
    return
  }
  state.tokens += 1
  reader.token = state.tokens
  state.key = { ...emptyKey(), lease: state.tokens }
}

/** Shows what was found unless that has expired meanwhile. */
function respond(state: State, i: number, { commits, row }: Seen, settings: LifecycleSettings): void {
  const { floor, reads } = of(state.readers, i)
  const now = estimate(state, of(settings.readers ?? [], i).process, settings)
  const isShown = settings.without === 'clock at the response' || (row !== null && row.expire > now)
  if (row !== null && isShown && state.time >= row.expire)
    state.broken = `reader ${i + 1} showed at ${state.time} what had expired at ${row.expire}`
  if (commits < floor)
    state.broken = `reader ${i + 1} returned state ${commits} after ${floor} had been shown`
  state.shown = Math.max(state.shown, commits)
  state.readers[i] = idleReader(reads - 1)
}
