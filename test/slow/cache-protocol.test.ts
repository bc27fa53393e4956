import { expectNoStale, expectStale, oneProcess, twoProcesses } from '../../nemesis/test/explorations.ts'
import {
  changes,
  expectBroken,
  expectKept,
  expiring,
  hanging,
  versions,
} from '../../nemesis/test/lifecycle-explorations.ts'

/** The explorations of the protocol of the cache, and of versions and expiry, that take longer than those in nemesis/test. */

expectNoStale('the way to Redis leading to a second server and back', {
  ...oneProcess,
  reads: 1,
  faults: { moves: 2 },
  generationsMax: 3,
})
expectNoStale('a writer that reaches a second server, and a reader that reaches the first', {
  ...twoProcesses,
  reads: 1,
  faults: { moves: 1 },
  movers: [0],
})
expectNoStale('a reader that reaches a second server, and a writer that reaches the first', {
  ...twoProcesses,
  reads: 1,
  faults: { moves: 1 },
  movers: [1],
})

expectStale('reads are allowed before the last writer by the earlier row has ended', {
  ...twoProcesses,
  faults: { moves: 1 },
  movers: [1],
  without: 'write lease',
})
expectStale('reads are allowed before the writes by the earlier row are settled', {
  ...twoProcesses,
  faults: { moves: 1 },
  movers: [1],
  without: 'settling of writes',
})
expectStale('a process counts from the reply that brought the row', {
  ...twoProcesses,
  reads: 1,
  faults: { moves: 1 },
  movers: [0],
  without: 'time of sending',
})
expectStale('a write stores its value while reads are not allowed yet', {
  ...oneProcess,
  writers: [0, 0],
  reads: 1,
  faults: { flushes: 1 },
  generationsMax: 2,
  without: 'warming',
})

expectKept('with three processes whose clocks differ', {
  ...versions,
  processes: [...versions.processes, { offset: 2, ahead: 0 }],
  writers: [
    { process: 0, calls: 2, kinds: changes },
    { process: 1, calls: 1, kinds: changes },
    { process: 2, calls: 1, kinds: changes },
  ],
})
expectKept('while it expires, and another process sweeps it', {
  ...expiring,
  writers: [...expiring.writers, { process: 0, calls: 1, kinds: ['sweep'] }],
  timeMax: 3,
})
expectKept('with a cache and two writes whose commits hang', {
  ...hanging,
  writers: [
    { process: 0, calls: 1, kinds: ['change'] },
    { process: 1, calls: 1, kinds: ['delete'] },
  ],
  readers: [{ process: 1, reads: 1 }],
})

expectBroken('A stale read is found', 'a write may be admitted after its deadline', {
  ...hanging,
  readers: [{ process: 1, reads: 3 }],
  without: 'deadline',
})
