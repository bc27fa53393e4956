import { expectNoStale, expectStale, oneProcess, twoProcesses } from '../../nemesis/test/explorations.ts'

/** The explorations of the protocol of the cache that take longer than those in nemesis/test. */

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
