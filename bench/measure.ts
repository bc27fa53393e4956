import type { Generator, Load } from './load.ts'
import type { Row } from './rows.ts'
import type { Server } from './servers.ts'
import { ownCpuMs, usageOf } from './process-tree.ts'
import { bareRequests } from './rows.ts'
import { busyMs, waitForIdle } from './wait-for-idle.ts'

/** One load on one server; the last three are NaN where there is no /proc. */
export type Measurement = Load & {
  cpuUs: number
  rssMb: number
  /** CPU time used by neither server nor generator, in cores; 0 for rows whose engines work for the row. */
  foreignCores: number
}

/** A measurement of a row, and one of bare node:http right before and right after it. */
export type Sample = { row: Measurement; references: [Measurement, Measurement] }

export type Bench = { generator: Generator; bareHttp: Server; seconds: number }

/** V8 discards optimised code of a server that is idle while others are measured, so each is loaded before it is measured. */
const warmUpSeconds = { row: 3, bareHttp: 1 }

export async function measure(bench: Bench, row: Row, server: Server): Promise<Sample> {
  const { generator, seconds } = bench
  await waitForIdle()
  const before = await measureBareHttp(bench)
  if (row.tool === undefined) await load(row, { generator, server, seconds: warmUpSeconds.row })
  const measurement = await measureLoad(() => load(row, { generator, server, seconds }), server)
  // Work that a server does after it has responded would slow down the reference and flatter the row.
  await waitForIdle(() => usageOf(server.pids).cpuMs)
  const after = await measureBareHttp(bench)
  return { row: row.engines ? { ...measurement, foreignCores: 0 } : measurement, references: [before, after] }
}

async function measureBareHttp({ generator, bareHttp, seconds }: Bench): Promise<Measurement> {
  const loadFor = (forSeconds: number) =>
    generator.run({
      url: bareHttp.url,
      requests: bareRequests.requests,
      seconds: forSeconds,
      connections: generator.connections,
    })
  await loadFor(warmUpSeconds.bareHttp)
  return measureLoad(() => loadFor(Math.max(1, Math.round(seconds / 5))), bareHttp)
}

/** Puts the row's load on its server, or runs its tool against an engine. */
export async function load(
  { workload, connections: ofRow, authorization, tool }: Row,
  { generator, server, seconds }: { generator: Generator; server: Server; seconds: number },
): Promise<Load> {
  const connections = ofRow ?? generator.connections
  if (tool !== undefined) return tool({ seconds, connections })
  const { requests } = workload
  return generator.run({
    url: server.url,
    requests,
    seconds,
    connections,
    authorization: await authorization?.(),
  })
}

/** Measures the server while `work` runs. */
export async function measureLoad(work: () => Promise<Load>, server: Server): Promise<Measurement> {
  const readMeter = startMeter(server.pids)
  const load = await work()
  const { cpuMs, ...rest } = readMeter()
  server.truncateLogs()
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
