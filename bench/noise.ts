import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { hasProc, tickMs } from './process-tree.ts'

const idleCoresMax = 0.15
const waitMsMax = 10_000
const sampleMs = 250

/**
 * Waits until next to nothing is done, by the machine unless told by whose processor time to judge, or until it has
 * waited long enough: the neighbours may never stop.
 */
export async function waitForQuiet(cpuMs: () => number = busyMs): Promise<void> {
  const givenUpAt = performance.now() + waitMsMax
  while (hasProc && performance.now() < givenUpAt) {
    const before = cpuMs()
    await setTimeout(sampleMs)
    if ((cpuMs() - before) / sampleMs < idleCoresMax) return
  }
}

/** Time in which the processors did anything so far: of processes, interrupts, and what other virtual machines took. */
export function busyMs(): number {
  const line = hasProc ? readFileSync('/proc/stat', 'utf8').split('\n', 1)[0] : ''
  const times = (line ?? '').trim().split(/\s+/).slice(1).map(Number)
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, stolen = 0] = times
  return (user + nice + system + irq + softirq + stolen) * tickMs
}
