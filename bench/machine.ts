import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { availableParallelism, cpus, release, type } from 'node:os'
import { join } from 'node:path'
import { medianOf } from './median.ts'
import { isPinned } from './pinning.ts'

/** The conditions under which the figures were measured; `fsync_us` is the lower bound of every durable write. */
export function describeMachine(directory: string, generator: string) {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    system: `${type()} ${release()}`,
    node: process.version,
    date: new Date().toISOString(),
    generator,
    pinned: isPinned,
    fsync_us: measureFsyncUs(directory),
  }
}

const fsyncCount = 101

function measureFsyncUs(directory: string): number {
  const file = openSync(join(directory, 'fsync'), 'w')
  const times = Array.from({ length: fsyncCount }, () => {
    const startedAt = performance.now()
    writeSync(file, 'shorter than a page of a log')
    fdatasyncSync(file)
    return (performance.now() - startedAt) * 1_000
  })
  closeSync(file)
  return Math.round(medianOf(times) ?? Number.NaN)
}
