import { expectStale, expectNoStale, oneProcess, twoProcesses } from './explorations.ts'

/** The cache in Redis as it is. The explorations that take longer are in test/slow/cache-protocol.test.ts. */

expectNoStale('a writer and a reader', oneProcess)
expectNoStale('two writers, whose commits may hang', { ...oneProcess, writers: [0, 0], reads: 1 })
expectNoStale('a writer and two readers', { ...oneProcess, readers: [0, 0], reads: 1 })
expectNoStale('Redis being emptied', { ...oneProcess, reads: 1, faults: { flushes: 1 }, generationsMax: 2 })
expectNoStale('Redis restarting with an older content', {
  ...oneProcess,
  reads: 1,
  faults: { restarts: 1 },
  generationsMax: 2,
})

expectStale('markers no longer count when they have expired', {
  ...oneProcess,
  without: 'settling of markers',
})
expectStale('the database admits a write after its deadline', {
  ...oneProcess,
  reads: 3,
  without: 'deadline',
})
expectStale('a write stores its value though another overlapped it', {
  ...oneProcess,
  writers: [0, 0],
  reads: 1,
  without: 'taint',
})
expectStale('a get is sent again on another connection', {
  ...oneProcess,
  reads: 1,
  faults: { restarts: 1 },
  generationsMax: 1,
  without: 'connection',
})
expectStale('writes are allowed before the last reader by the earlier row has ended', {
  ...twoProcesses,
  reads: 1,
  faults: { moves: 1 },
  movers: [0],
  without: 'read lease',
})
