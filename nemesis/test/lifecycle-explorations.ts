import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explore } from '../model/explore.ts'
import { lifecycle } from '../model/lifecycle.ts'
import type { Kind, LifecycleSettings } from '../model/lifecycle-state.ts'

/** The model of a GUID's life: its settings, and what is expected of them. */

export const changes: readonly Kind[] = ['create', 'change', 'delete']
/** The clock of the second one is late, and its estimate of the clock of the database ahead. */
const processes = [
  { offset: 0, ahead: 0 },
  { offset: -1, ahead: 1 },
]

/** Two processes that register, change and delete a GUID that does not expire. */
export const versions: LifecycleSettings = {
  processes,
  writers: [
    { process: 0, calls: 2, kinds: changes },
    { process: 1, calls: 1, kinds: changes },
  ],
  expiries: [9],
  timeMax: 1,
}
/** The same where it expires, and is swept. */
export const expiring: LifecycleSettings = {
  ...versions,
  writers: [
    { process: 0, calls: 2, kinds: changes },
    { process: 1, calls: 1, kinds: [...changes, 'sweep'] },
  ],
  expiries: [1, 2],
  timeMax: 2,
}
/** A write whose commit may hang, and a reader with a cache. */
export const hanging: LifecycleSettings = {
  processes,
  writers: [{ process: 0, calls: 1, kinds: ['change', 'delete'] }],
  registeredUntil: 9,
  expiries: [],
  timeMax: 3,
  readers: [{ process: 1, reads: 2 }],
  commitsHang: true,
}
/** A write, and a reader with a cache, while the GUID expires. */
export const cached: LifecycleSettings = {
  ...hanging,
  writers: [{ process: 0, calls: 1, kinds: changes }],
  registeredUntil: 1,
  expiries: [2],
  timeMax: 2,
  readers: [{ process: 0, reads: 1 }],
  commitsHang: false,
}

export function expectKept(sentence: string, settings: LifecycleSettings): void {
  test(`Versions of a GUID rise, none is shown after its expiry, and no read is stale ${sentence}`, (t) => {
    const { violation, isComplete, states, depth } = explore(lifecycle(settings))
    t.diagnostic(`${states} states, ${depth} steps deep`)
    assert.equal(violation, undefined)
    assert.ok(isComplete)
  })
}

/** What the exploration must find. */
const violations = {
  'Two contents with one version are found': /was given out after/,
  'A change after the expiry is found': /took effect at/,
  'A GUID is shown after its expiry': /showed at/,
  'A stale read is found': /returned state/,
}

export function expectBroken(
  violation: keyof typeof violations,
  sentence: string,
  settings: LifecycleSettings,
): void {
  test(`${violation} where ${sentence}`, (t) => {
    const { violation: found, states } = explore(lifecycle(settings))
    assert.ok(found !== undefined, `none in ${states} states`)
    assert.match(found.message, violations[violation])
    t.diagnostic(`${states} states, ${found.steps.length} steps: ${found.steps.join('; ')}; ${found.message}`)
  })
}
