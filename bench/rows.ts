import type { Load } from './load.ts'
import type { ServerProcess } from './servers.ts'
import {
  billingPosts,
  certificateCreations,
  guidChanges,
  guidCreations,
  guidReads,
  movieLists,
  movieReads,
  ordersOnMany,
  ordersOnOne,
  userReads,
} from './workloads.ts'
import type { Workload } from './workloads.ts'

/**
 * One line of the table: the processes to start, in this order, and what the last of them is asked, by how many at once if
 * not by as many as all the rows. What engines do for a row with `engines` is part of it and no noise.
 */
export type Row = {
  name: string
  processes: ServerProcess[]
  workload: Workload
  connections?: number
  engines?: true
  /** Instead of requests: a program that loads an engine by itself. */
  tool?: Tool
}

/** Loads for so many seconds by so many connections. */
export type Tool = (options: { seconds: number; connections: number }) => Promise<Load>

/** What the floor is asked, which always answers the same. */
export const constants: Workload = { requests: guidReads.requests }

export const floor: ServerProcess = { script: 'bench/floor.ts', ports: ['FLOOR_PORT'], core: 'server' }

export const guid: ServerProcess = {
  script: 'services/guid/src/main.ts',
  ports: ['GUID_PORT'],
  core: 'server',
}

export const bareFastify: ServerProcess = {
  script: 'bench/bare-fastify.ts',
  ports: ['FASTIFY_PORT'],
  core: 'server',
}

const gateway: ServerProcess = {
  script: 'services/gateway/src/main.ts',
  ports: ['GATEWAY_PORT'],
  upstream: 'GUID_URL',
  core: 'server',
}

const bothInOne: ServerProcess = {
  script: 'quintet.ts',
  args: ['start', 'gateway', 'guid'],
  ports: ['GATEWAY_PORT', 'GUID_PORT'],
  core: 'server',
}

const withoutLog: ServerProcess = { ...guid, settings: { LOG_LEVEL: 'silent' } }
const withoutCache: ServerProcess = { ...guid, settings: { CACHE_URL: 'none:' } }

const inventory: ServerProcess = {
  script: 'services/inventory/src/main.ts',
  ports: ['INVENTORY_PORT'],
  core: 'server',
}

const certificates: ServerProcess = {
  script: 'services/certificates/src/main.ts',
  ports: ['CERTIFICATES_PORT'],
  core: 'server',
}

export const brokerage: ServerProcess = {
  script: 'services/brokerage/src/main.ts',
  ports: ['BROKERAGE_PORT'],
  core: 'server',
}

export const billing: ServerProcess = {
  script: 'services/billing/src/main.ts',
  ports: ['BILLING_PORT'],
  core: 'server',
}

export const rows: Row[] = [
  { name: 'floor', processes: [floor], workload: constants },
  { name: 'fastify', processes: [bareFastify], workload: constants },
  { name: 'guid GET cached', processes: [guid], workload: guidReads },
  { name: 'guid GET cached (logging off)', processes: [withoutLog], workload: guidReads },
  { name: 'guid GET uncached', processes: [withoutCache], workload: guidReads },
  { name: 'guid POST durable', processes: [guid], workload: guidCreations },
  { name: 'guid PATCH', processes: [guid], workload: guidChanges },
  {
    name: 'guid GET through the gateway',
    processes: [{ ...guid, core: 'load' }, gateway],
    workload: guidReads,
  },
  { name: 'gateway with guid in one process', processes: [bothInOne], workload: guidReads },
  { name: 'movie GET cached', processes: [inventory], workload: movieReads },
  { name: 'movies list of 100', processes: [inventory], workload: movieLists },
  { name: 'user GET', processes: [certificates], workload: userReads },
  { name: 'certificate POST', processes: [certificates], workload: certificateCreations },
  { name: 'orders on many accounts', processes: [brokerage], workload: ordersOnMany },
  { name: 'orders on one account', processes: [brokerage], workload: ordersOnOne },
  { name: 'billing POST accepted', processes: [gateway], workload: billingPosts },
]

/** Those of the rows that have these names; what is no whole name chooses every row that contains it. */
export function selectRows(rows: readonly Row[], wanted: string[]): Row[] {
  return rows.filter(({ name }) => wanted.some((text) => matches(rows, text).includes(name)))
}

function matches(rows: readonly Row[], text: string): string[] {
  const names = rows.map(({ name }) => name)
  const found = names.includes(text) ? [text] : names.filter((name) => name.includes(text))
  if (found.length === 0) throw new Error(`No row is called "${text}"; there are: ${names.join(', ')}.`)
  return found
}
