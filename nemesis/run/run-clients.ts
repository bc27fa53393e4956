import { setTimeout as pause } from 'node:timers/promises'
import type { Load } from '../load/load.ts'
import type { Random } from './random.ts'

/** A client waits for so long between its operations, at most. */
const thinkMsMax = 15
const steadyMs = 2_000
const steadyWithinMs = 45_000
/** What expires may leave the outcome of an operation unknown without any fault. */
const failedShareMax = 0.05

type Clients = {
  /** How many operations have ended so far. */
  count(): number
  /** Resolves when the last operations have ended. */
  stop(): Promise<void>
}

/** Lets all clients of the loads make one operation after the other. */
export function runClients(loads: readonly Load[], random: Random): Clients {
  let count = 0
  let isStopped = false
  const run = async (operate: () => Promise<void>, own: Random) => {
    while (!isStopped) {
      await operate()
      count += 1
      await pause(own.fraction() * thinkMsMax)
    }
  }
  const running = loads.flatMap(({ clients }, load) =>
    clients.map((operate, client) => run(operate, random.fork(`pauses of client ${client} of load ${load}`))),
  )
  const ended = Promise.all(running)
  ended.catch(() => {})
  return {
    count: () => count,
    async stop() {
      isStopped = true
      await ended
    },
  }
}

/** Resolves when nearly all operations have had an outcome for a while, or after a limit that is longer than any recovery. */
export async function untilSteady(loads: readonly Load[], nowNs: () => number): Promise<void> {
  const giveUpAt = performance.now() + steadyWithinMs
  await pause(steadyMs)
  while (performance.now() < giveUpAt && loads.some((load) => !isSteady(load, nowNs() - steadyMs * 1e6)))
    await pause(100)
}

function isSteady(load: Load, sinceNs: number): boolean {
  const { events } = load.history()
  const recent = events.slice(events.findLastIndex(({ time }) => time < sinceNs) + 1)
  const ended = recent.filter(({ type }) => type !== 'invoke')
  const failed = ended.filter(({ type }) => type !== 'ok')
  return ended.length > 0 && failed.length <= ended.length * failedShareMax
}
