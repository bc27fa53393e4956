import { test } from 'node:test'
import fc from 'fast-check'
import { openMemoryCache } from '../../src/cache/memory/memory-cache.ts'
import { freshness, ownActs } from '../cache-contract.ts'
import type { OpenCache } from '../cache-contract.ts'

const open: OpenCache = async (options) => openMemoryCache('memory:?entries=1000', options)

/** As the tests of the memory cache, with more histories than those have time for. */

test('memory: in a thousand interleavings of readers and writers no read is stale', async () => {
  await fc.assert(freshness(open), { numRuns: 1_000 })
})

test('memory: in a thousand interleavings with writes of other processes no read is stale', async () => {
  await fc.assert(freshness(open, [...ownActs, 'foreignWrite']), { numRuns: 1_000 })
})
