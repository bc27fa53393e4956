import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { hasProc, tickMs } from './process-tree.ts'

const idleCoresMax = 0.15
const waitMsMax = 10_000
const sampleMs = 250

/**
 * Waits until little CPU time is being used, by the whole machine or as `cpuMs` counts it. Gives up after `waitMsMax`,
 * because other processes may never stop.
 */
export async function waitForIdle(cpuMs: () => number = busyMs): Promise<void> {
  const deadline = performance.now() + waitMsMax
  while (hasProc && performance.now() < deadline) {
    const before = cpuMs()
    await setTimeout(sampleMs)
    if ((cpuMs() - before) / sampleMs < idleCoresMax) return
  }
}

/** CPU time that the machine has used since it started: processes, interrupts, and time stolen by other virtual machines. */
export function busyMs(): number {
  const line = hasProc ? readFileSync('/proc/stat', 'utf8').split('\n', 1)[0] : ''
  const times = (line ?? '').trim().split(/\s+/).slice(1).map(Number)
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, stolen = 0] = times
  return (user + nice + system + irq + softirq + stolen) * tickMs
}
