import { cached, expectBroken, expectKept, expiring, hanging, versions } from './lifecycle-explorations.ts'

/**
 * The versions and the expiry of a GUID, by the rules of docs/decisions/0022 and 0023. The explorations that take longer are in
 * test/slow/cache-protocol.test.ts.
 */

expectKept('with processes whose clocks differ', versions)
expectKept('while it expires and is swept', expiring)
expectKept('with a cache and a commit that hangs', hanging)
expectKept('with a cache while it expires', cached)

const isRepeated = 'Two contents with one version are found'
expectBroken(isRepeated, 'versions are times of the clock of a process', {
  ...versions,
  without: 'versions of the database',
})
expectBroken(isRepeated, 'versions restart after deletion', {
  ...versions,
  without: 'versions of removed rows',
})
expectBroken(isRepeated, 'a registration reads the floor before its insert has waited', {
  ...versions,
  without: 'floor after insert',
})
expectBroken(isRepeated, 'a sweep does not raise the floor', {
  ...expiring,
  writers: [
    { process: 0, calls: 1, kinds: ['create'] },
    { process: 1, calls: 1, kinds: ['create'] },
    { process: 1, calls: 1, kinds: ['sweep'] },
  ],
  without: 'versions of swept rows',
})

const isLate = 'A change after the expiry is found'
expectBroken(isLate, 'the clock is read before the write waits', {
  ...expiring,
  without: 'clock after the wait',
})
expectBroken(isLate, 'the clock is not compared at the commit', {
  ...expiring,
  without: 'clock at the commit',
})
expectBroken(isLate, 'each process judges by its own clock', {
  ...expiring,
  without: 'clock of the database',
})
expectBroken(isLate, 'a commit hangs after the last comparison, as the guarantee says', {
  ...expiring,
  commitsHang: true,
})

const isShownLate = 'A GUID is shown after its expiry'
expectBroken(isShownLate, 'the response to a write is not judged again', {
  ...expiring,
  without: 'clock at the response',
})
expectBroken(isShownLate, 'the response to a read is not judged again', {
  ...cached,
  writers: [],
  without: 'clock at the response',
})
expectBroken(isShownLate, 'the estimate of the clock of the database is behind it', {
  ...cached,
  processes: [{ offset: 0, ahead: -1 }],
})

expectBroken('A stale read is found', 'a commit takes longer than its marker lives', {
  ...hanging,
  without: 'settling of markers',
})
