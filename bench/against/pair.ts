import type { Checkout } from '../checkout.ts'
import type { Generator } from '../load.ts'
import type { Measurement } from '../measure.ts'
import type { Row } from '../rows.ts'
import type { Server } from '../servers.ts'
import { load, measureLoad } from '../measure.ts'
import { usageOf } from '../process-tree.ts'
import { UnexpectedStatusError } from '../requests.ts'
import { startRow } from '../start-row.ts'
import { waitForIdle } from '../wait-for-idle.ts'

export type Side = Checkout['name']

/** The measurements of one round. */
export type Pair = Record<Side, Measurement[]>

export type PairOptions = {
  checkouts: Record<Side, Checkout>
  generator: Generator
  /** Load on each side before its first measurement, in seconds of CPU time per process of the row. */
  warmUpCpuSeconds: number
  /** Measurements of each side; each lasts a second. */
  slices: number
  directory: string
}

/** The base does not have the endpoint that a row measures. */
export class RowMissingError extends Error {}

const missingStatuses = [404, 405]
/** The shortest load of wrk, so that a change in what else runs on the machine is likely to affect both sides. */
const sliceSeconds = 1
const warmUpSlicesMax = 8

/**
 * The order of a round: A B B A B A A B and so on. A linear drift cancels out within every four slices. The sides change
 * places in every other round, so that an effect of being first cancels out as well.
 */
export function orderOf(round: number, slices: number): Side[] {
  return Array.from({ length: slices }, (_, turn): Side[] =>
    turn % 2 === round % 2 ? ['base', 'current'] : ['current', 'base'],
  ).flat()
}

/** Starts new servers of both sides, measures them in turn, and stops them. */
export async function measurePair(row: Row, round: number, options: PairOptions): Promise<Pair> {
  const order = orderOf(round, options.slices)
  const servers = await startBoth(row, order[0] === 'base', options)
  try {
    return await measureInTurn(row, order, servers, options)
  } finally {
    await Promise.all([servers.base.close(), servers.current.close()])
  }
}

async function startBoth(row: Row, baseFirst: boolean, options: PairOptions): Promise<Record<Side, Server>> {
  const first = await startSide(row, baseFirst ? 'base' : 'current', options)
  try {
    const second = await startSide(row, baseFirst ? 'current' : 'base', options)
    return baseFirst ? { base: first, current: second } : { base: second, current: first }
  } catch (error) {
    await first.close()
    throw error
  }
}

async function startSide(row: Row, side: Side, { checkouts, directory }: PairOptions): Promise<Server> {
  try {
    return await startRow(row, { checkout: checkouts[side], directory })
  } catch (error) {
    const isMissing = error instanceof UnexpectedStatusError && missingStatuses.includes(error.status)
    if (side === 'base' && isMissing) throw new RowMissingError(error.message)
    throw new Error(`${side}: ${error instanceof Error ? error.message : error}`)
  }
}

async function measureInTurn(
  row: Row,
  order: Side[],
  servers: Record<Side, Server>,
  { generator, warmUpCpuSeconds }: PairOptions,
): Promise<Pair> {
  for (const side of new Set(order)) await warmUp(row, servers[side], generator, warmUpCpuSeconds)
  await waitUntilIdle([servers.base, servers.current])
  const pair: Pair = { base: [], current: [] }
  for (const side of order) pair[side].push(await measureSlice(row, servers[side], generator))
  refuseErrors(pair)
  return pair
}

/** By CPU time, because on a busy machine V8 may not have compiled much after a fixed time. */
async function warmUp(row: Row, server: Server, generator: Generator, cpuSeconds: number): Promise<void> {
  const cpuMs = cpuSeconds * 1_000 * row.processes.length
  const startMs = usageOf(server.pids).cpuMs
  for (let slice = 0; slice < warmUpSlicesMax; slice++) {
    if (usageOf(server.pids).cpuMs - startMs >= cpuMs) return
    await load(row, { generator, server, seconds: sliceSeconds })
  }
}

/** Counts CPU time until the server is idle: what it does after its responses is a cost of these requests too. */
function measureSlice(row: Row, server: Server, generator: Generator): Promise<Measurement> {
  return measureLoad(async () => {
    const result = await load(row, { generator, server, seconds: sliceSeconds })
    await waitUntilIdle([server])
    return result
  }, server)
}

async function waitUntilIdle(servers: Server[]): Promise<void> {
  await waitForIdle(() => usageOf(servers.flatMap(({ pids }) => pids)).cpuMs)
}

function refuseErrors(pair: Pair): void {
  for (const side of ['base', 'current'] as const) {
    const errors = pair[side].reduce((sum, measurement) => sum + measurement.errors, 0)
    if (errors > 0) throw new Error(`${side}: ${errors} requests failed during the load.`)
  }
}
