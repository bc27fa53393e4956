import type { Generator, Load } from './load.ts'
import type { Row } from './rows.ts'
import type { Server } from './servers.ts'
import { busyMs, waitForQuiet } from './noise.ts'
import { ownCpuMs, usageOf } from './process-tree.ts'
import { constants } from './rows.ts'

/** What one load told about one server; the last three are NaN where there is no /proc. */
export type Observation = Load & {
  cpuUs: number
  rssMb: number
  /** Processor time that went to neither server nor generator, in cores; none where engines took it for the row. */
  foreignCores: number
}

/** A row's observation between two of the floor, one right before and one right after it. */
export type Sample = { row: Observation; floors: [Observation, Observation] }

export type Bench = { generator: Generator; floor: Server; seconds: number }

/**
 * A server that stood idle while others were measured has lost much of what the compiler knew of it, and learns it again for
 * seconds; so each is put under the same load right before it is measured.
 */
const warmUpSeconds = { row: 3, floor: 1 }

export async function measure(
  { generator, floor, seconds }: Bench,
  row: Row,
  server: Server,
): Promise<Sample> {
  const askFloor = (forSeconds: number) =>
    generator.run({ url: floor.url, requests: constants.requests, seconds: forSeconds })
  const observeFloor = async () => {
    await askFloor(warmUpSeconds.floor)
    return observe(() => askFloor(Math.max(1, Math.round(seconds / 5))), floor)
  }
  const loadRow = (forSeconds: number) => load(row, { generator, server, seconds: forSeconds })
  await waitForQuiet()
  const before = await observeFloor()
  if (row.tool === undefined) await loadRow(warmUpSeconds.row)
  const observation = await observe(() => loadRow(seconds), server)
  // Work that a server left for after its answers would slow the floor down and flatter the row.
  await waitForQuiet(() => usageOf(server.pids).cpuMs)
  const after = await observeFloor()
  return { row: row.engines ? { ...observation, foreignCores: 0 } : observation, floors: [before, after] }
}

/** Puts the row's load on its server, or has its tool put one on an engine. */
export async function load(
  { workload, connections, tool }: Row,
  { generator, server, seconds }: { generator: Generator; server: Server; seconds: number },
): Promise<Load> {
  if (tool !== undefined) return tool({ seconds, connections: connections ?? generator.connections })
  return generator.run({ url: server.url, requests: workload.requests, seconds, connections })
}

async function observe(work: () => Promise<Load>, server: Server): Promise<Observation> {
  const read = startMeter(server.pids)
  const load = await work()
  const { cpuMs, ...rest } = read()
  server.dropLogs()
  return { ...load, ...rest, cpuUs: (cpuMs * 1_000) / load.requests }
}

function startMeter(pids: number[]) {
  const start = { at: performance.now(), busy: busyMs(), own: ownCpuMs(), usage: usageOf(pids) }
  return () => {
    const { cpuMs: totalMs, rssMb } = usageOf(pids)
    const cpuMs = totalMs - start.usage.cpuMs
    const foreignMs = busyMs() - start.busy - cpuMs - (ownCpuMs() - start.own)
    return { cpuMs, rssMb, foreignCores: Math.max(0, foreignMs / (performance.now() - start.at)) }
  }
}
