import assert from 'node:assert/strict'
import { test } from 'node:test'
import { arbitratedCache } from '../model/arbitrated-cache.ts'
import type { ArbitratedSettings } from '../model/arbitrated-state.ts'
import { explore } from '../model/explore.ts'

export const oneProcess: ArbitratedSettings = {
  processes: 1,
  writers: [0],
  readers: [0],
  reads: 2,
  generationsMax: 1,
}
/** The first writes and the second reads. */
export const twoProcesses: ArbitratedSettings = {
  ...oneProcess,
  processes: 2,
  readers: [1],
  generationsMax: 2,
}

export function expectNoStale(sentence: string, settings: ArbitratedSettings): void {
  test(`No read is stale with ${sentence}`, (t) => {
    const { violation, isComplete, states, depth } = explore(arbitratedCache(settings))
    t.diagnostic(`${states} states, ${depth} steps deep`)
    assert.equal(violation?.steps.join('; '), undefined)
    assert.ok(isComplete)
  })
}

export function expectStale(sentence: string, settings: ArbitratedSettings): void {
  test(`A stale read is found where ${sentence}`, (t) => {
    const { violation, states } = explore(arbitratedCache(settings))
    assert.ok(violation !== undefined, `none in ${states} states`)
    t.diagnostic(`${states} states, ${violation.steps.length} steps: ${violation.steps.join('; ')}`)
  })
}
