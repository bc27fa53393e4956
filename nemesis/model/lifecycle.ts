import { stepsFrom } from './explore.ts'
import type { Model } from './explore.ts'
import { cacheSteps, readerSteps } from './lifecycle-cache.ts'
import { copyOf, initialState } from './lifecycle-state.ts'
import type { LifecycleSettings, State } from './lifecycle-state.ts'
import { writerSteps } from './lifecycle-writes.ts'

/**
 * The life of one GUID: registered, changed, deleted, expired, swept and registered again by several processes, by the rules of
 * docs/decisions/0022 and 0023. Its versions only rise, it neither takes effect nor is shown at or after its expiry by the clock of
 * the database, and with a cache no read is older than what was acknowledged or returned before it began.
 *
 * Time passes in ticks. A unit waits for the lock of the row for any time, and so do messages and responses for their turn; a
 * process that is suspended, or dies, takes no further step. A tick is both the unit of expiry and that of the clocks from which
 * versions are proposed, so that processes often propose the same.
 */
export function lifecycle(settings: LifecycleSettings): Model<State> {
  return {
    initial: initialState(settings),
    next: (state) => stepsOf(state, settings),
    violation: ({ broken }) => (broken === '' ? undefined : broken),
  }
}

function stepsOf(state: State, settings: LifecycleSettings) {
  return stepsFrom(state, copyOf, (add) => {
    for (const i of state.writers.keys()) writerSteps(state, i, settings, add)
    for (const i of state.readers.keys()) readerSteps(state, i, settings, add)
    cacheSteps(state, settings, add)
    if (state.time < settings.timeMax) add(`it is ${state.time + 1}`, passTime)
  })
}

function passTime(state: State): void {
  state.time += 1
  for (const writer of state.writers) writer.left = Math.max(0, writer.left - 1)
  state.key.markers = state.key.markers.map((marker) => ({ ...marker, left: Math.max(0, marker.left - 1) }))
}
