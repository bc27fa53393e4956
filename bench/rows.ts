import { join } from 'node:path'
import { UsageError } from '@quintet/backends/command-line'
import { portSetting, urlSetting } from '@quintet/contracts/topology'
import type { ServiceName } from '@quintet/contracts/topology'
import type { Load } from './load.ts'
import type { ServerProcess } from './servers.ts'
import { authorization, tokenSettings } from './token-issuer.ts'
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
 * One line of the table: the processes to start, in this order, and the load on the last of them. `connections` overrides
 * the setting of the run. `engines` marks rows on real engines, whose CPU time is part of the row.
 */
export type Row = {
  name: string
  processes: ServerProcess[]
  workload: Workload
  connections?: number
  /** The `Authorization` field of each request, once the processes run. */
  authorization?(): Promise<string>
  engines?: true
  /** A program that loads an engine itself, instead of requests. */
  tool?: Tool
}

export type Tool = (options: { seconds: number; connections: number }) => Promise<Load>

/** Requests for the bare servers, which always send the same response. */
export const bareRequests: Workload = { requests: guidReads.requests }

export const bareHttp: ServerProcess = {
  script: join(import.meta.dirname, 'bare-http.ts'),
  ports: ['BARE_HTTP_PORT'],
  core: 'server',
}

export const guid = serviceProcess('guid')

export const bareFastify: ServerProcess = {
  script: join(import.meta.dirname, 'bare-fastify.ts'),
  ports: ['FASTIFY_PORT'],
  core: 'server',
}

const gateway: ServerProcess = { ...serviceProcess('gateway'), upstream: urlSetting('guid') }

export const bothInOne: ServerProcess = {
  script: 'quintet.ts',
  args: ['start', 'gateway', 'guid'],
  ports: [portSetting('gateway'), portSetting('guid')],
  core: 'server',
}

const withoutLog: ServerProcess = { ...guid, settings: { LOG_LEVEL: 'silent' } }
/** Nothing is recorded, and there is no thread that would keep it. */
const withoutTraces = { TELEMETRY_URL: 'none:', TRACE_PER_SECOND: '0' }
/** A limit on each request, which is not reached. */
export const limitSettings = {
  RATE_LIMIT: 'on',
  RATE_LIMIT_AT: 'everywhere',
  RATE_LIMIT_POLICIES: '"client";q=10000;w=1;burst=1000000000;by="address"',
}
const withLimits: ServerProcess = { ...guid, settings: limitSettings }
const withToken: ServerProcess = { ...guid, prepare: tokenSettings }
const withoutCache: ServerProcess = { ...guid, settings: { CACHE_URL: 'none:' } }

const inventory = serviceProcess('inventory')

const certificates = serviceProcess('certificates')

export const brokerage = serviceProcess('brokerage')

export const billing = serviceProcess('billing')

export const rows: Row[] = [
  { name: 'floor', processes: [bareHttp], workload: bareRequests },
  { name: 'fastify', processes: [bareFastify], workload: bareRequests },
  { name: 'guid GET cached', processes: [guid], workload: guidReads },
  { name: 'guid GET cached (logging off)', processes: [withoutLog], workload: guidReads },
  {
    name: 'guid GET cached (telemetry off)',
    processes: [{ ...guid, settings: withoutTraces }],
    workload: guidReads,
  },
  { name: 'guid GET cached (limits in memory)', processes: [withLimits], workload: guidReads },
  {
    name: 'guid GET cached (kept token)',
    processes: [withToken],
    workload: guidReads,
    authorization,
  },
  { name: 'guid GET uncached', processes: [withoutCache], workload: guidReads },
  { name: 'guid POST durable', processes: [guid], workload: guidCreations },
  { name: 'guid PATCH', processes: [guid], workload: guidChanges },
  {
    name: 'guid GET through the gateway',
    processes: [{ ...guid, core: 'load' }, gateway],
    workload: guidReads,
  },
  {
    name: 'guid GET through the gateway (telemetry off)',
    processes: [
      { ...guid, core: 'load', settings: withoutTraces },
      { ...gateway, settings: withoutTraces },
    ],
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

/** Each text selects the row of that name, or else every row whose name contains it. */
export function selectRows(rows: readonly Row[], wanted: string[]): Row[] {
  return rows.filter(({ name }) => wanted.some((text) => matches(rows, text).includes(name)))
}

function matches(rows: readonly Row[], text: string): string[] {
  const names = rows.map(({ name }) => name)
  const found = names.includes(text) ? [text] : names.filter((name) => name.includes(text))
  if (found.length === 0) throw new UsageError(`No row is called "${text}"; there are: ${names.join(', ')}.`)
  return found
}

/** A service alone in its process. */
function serviceProcess(name: ServiceName): ServerProcess {
  return { script: `services/${name}/src/main.ts`, ports: [portSetting(name)], core: 'server' }
}
