import type { Request } from './requests.ts'
import type { ServerProcess } from './servers.ts'
import { changes, creations, reads } from './requests.ts'

/** One line of the table: the processes to start, in this order, and the requests that the last of them is sent. */
export type Row = { name: string; processes: ServerProcess[]; requests: Request[]; isSeeded: boolean }

export const floor: ServerProcess = { script: 'bench/floor.ts', ports: ['FLOOR_PORT'], core: 'server' }

export const guid: ServerProcess = {
  script: 'services/guid/src/main.ts',
  ports: ['GUID_PORT'],
  core: 'server',
}

const bareFastify: ServerProcess = {
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

export const rows: Row[] = [
  { name: 'floor', processes: [floor], requests: reads, isSeeded: false },
  { name: 'fastify', processes: [bareFastify], requests: reads, isSeeded: false },
  { name: 'guid GET cached', processes: [guid], requests: reads, isSeeded: true },
  { name: 'guid GET cached (logging off)', processes: [withoutLog], requests: reads, isSeeded: true },
  { name: 'guid GET uncached', processes: [withoutCache], requests: reads, isSeeded: true },
  { name: 'guid POST durable', processes: [guid], requests: creations, isSeeded: true },
  { name: 'guid PATCH', processes: [guid], requests: changes, isSeeded: true },
  {
    name: 'guid GET through the gateway',
    processes: [{ ...guid, core: 'load' }, gateway],
    requests: reads,
    isSeeded: true,
  },
  { name: 'gateway with guid in one process', processes: [bothInOne], requests: reads, isSeeded: true },
]

/** The rows of these names; what is no whole name chooses every row that contains it. */
export function selectRows(wanted: string[]): Row[] {
  return rows.filter(({ name }) => wanted.some((text) => matches(text).includes(name)))
}

function matches(text: string): string[] {
  const names = rows.map(({ name }) => name)
  const found = names.includes(text) ? [text] : names.filter((name) => name.includes(text))
  if (found.length === 0) throw new Error(`No row is called "${text}"; there are: ${names.join(', ')}.`)
  return found
}
