import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cacheByMarkers } from '../model/cache-by-markers.ts'
import { explore } from '../model/explore.ts'
import type { MarkersSettings } from '../model/markers-state.ts'

/** The first protocol of the cache in Redis, whose two faults the model must find. */

const holds: Readonly<Record<string, MarkersSettings>> = {
  'two writers and a reader': { writers: 2, readers: 1, reads: 2 },
  'a writer and two readers': { writers: 1, readers: 2, reads: 2 },
  'Redis being emptied during a write': { writers: 1, readers: 1, reads: 3, flushes: 1 },
  'the way to Redis leading to another server, once': { writers: 1, readers: 1, reads: 3, swaps: 1 },
}

for (const [sentence, settings] of Object.entries(holds))
  test(`Markers: no read is stale with ${sentence}`, (t) => {
    const { violation, isComplete, states, depth } = explore(cacheByMarkers(settings))
    t.diagnostic(`${states} states, ${depth} steps deep`)
    assert.equal(violation, undefined)
    assert.ok(isComplete)
  })

const fails: Readonly<Record<string, MarkersSettings>> = {
  'writes set no marker': { writers: 1, readers: 2, reads: 1, without: 'marker' },
  'a marker expires before the deadline of its write': {
    writers: 1,
    readers: 2,
    reads: 1,
    without: 'deadline',
  },
  'a value is stored without a lease': { writers: 1, readers: 2, reads: 1, without: 'lease' },
  'a write stores its value though another overlapped it': {
    writers: 2,
    readers: 1,
    reads: 1,
    without: 'taint',
  },
  'a new generation has no quarantine': {
    writers: 1,
    readers: 1,
    reads: 3,
    flushes: 1,
    without: 'quarantine',
  },
  'a commit takes longer than its marker lives': { writers: 1, readers: 1, reads: 2, commitsHang: true },
  'the way to Redis leads to a second server and back': { writers: 1, readers: 1, reads: 2, swaps: 2 },
  'one client uses another server than the rest': {
    writers: 1,
    readers: 2,
    reads: 2,
    swaps: 1,
    isSplit: true,
  },
}

for (const [sentence, settings] of Object.entries(fails))
  test(`Markers: a stale read is found where ${sentence}`, (t) => {
    const { violation, states } = explore(cacheByMarkers(settings))
    assert.ok(violation !== undefined, `none in ${states} states`)
    t.diagnostic(
      `${states} states, ${violation.steps.length} steps: ${violation.steps.join('; ')}; ${violation.message}`,
    )
  })
