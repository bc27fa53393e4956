import { existsSync } from 'node:fs'
import { readWholeNumber } from '@quintet/chassis/config'
import { openTelemetryReader } from '@quintet/chassis/telemetry/file'
import type { TraceQuery } from '@quintet/chassis/telemetry/file'
import { configOf, settingsFor } from './services.ts'
import { traceLines, traceText } from './trace-text.ts'
import { ArgumentError, parseArguments, UsageError } from './usage-error.ts'

export const tracesUsage = `
  quintet traces                            list the traces that are kept, the newest first; [--service <name>] [--route <name>]
                                            [--status 5xx] [--why error|slow|sampled] [--min <ms>] [--max <ms>] [--since <minutes>]
                                            [--words <text>] [--sort time|duration] [--limit 20] [--json]
  quintet traces <id>                       print the spans of one over time; [--json]
`

export const tracesOptions = {
  service: { type: 'string' },
  route: { type: 'string' },
  status: { type: 'string' },
  why: { type: 'string' },
  min: { type: 'string' },
  max: { type: 'string' },
  since: { type: 'string' },
  words: { type: 'string' },
  sort: { type: 'string', default: 'time' },
  limit: { type: 'string', default: '20' },
  json: { type: 'boolean', default: false },
} as const

type Reader = NonNullable<ReturnType<typeof openTelemetryReader>>

/** `quintet traces`: reads the file of telemetry, whether or not anything runs. */
export async function traces(words: readonly string[]): Promise<void> {
  const config = { args: [...words], options: tracesOptions, allowPositionals: true }
  const { values, positionals } = parseArguments(config)
  const [id, ...rest] = positionals
  if (rest.length > 0) throw new ArgumentError('quintet traces prints one trace at a time.')
  const query = id === undefined ? queryOf(values) : undefined
  const reader = openReader()
  if (reader === undefined) return void process.stderr.write('No traces are kept yet.\n')
  try {
    if (query === undefined) printOne(reader, String(id), values.json)
    else await printList(reader, query, values.json)
  } finally {
    reader.close()
  }
}

function openReader(): Reader | undefined {
  const url = String(configOf('gateway', settingsFor(['gateway'])).TELEMETRY_URL)
  const [, path] = /^sqlite:([^?]*)/.exec(url) ?? []
  if (path === undefined) throw new UsageError(`TELEMETRY_URL is ${url}, so no traces are kept.`)
  return existsSync(path) ? openTelemetryReader(path) : undefined
}

function printOne(reader: Reader, id: string, isJson: boolean): void {
  const trace = reader.readTrace(id.toLowerCase())
  if (trace === undefined) throw new UsageError(`There is no trace "${id}", or it is not kept any more.`)
  process.stdout.write(isJson ? `${JSON.stringify(trace)}\n` : traceText(trace))
}

async function printList(reader: Reader, query: TraceQuery, isJson: boolean): Promise<void> {
  const { data, held } = await reader.searchTraces(query)
  process.stdout.write(isJson ? data.map((trace) => `${JSON.stringify(trace)}\n`).join('') : traceLines(data))
  const oldest =
    held.oldestAt === null ? '' : `; the oldest of all is of ${new Date(held.oldestAt).toISOString()}`
  const stopped = held.stopped ? ' The search has ended after 2 s, before it had seen all.' : ''
  process.stderr.write(`${data.length} of ${held.kept} that are kept${oldest}.${stopped}\n`)
}

type Values = Readonly<Partial<Record<Exclude<keyof typeof tracesOptions, 'json'>, string>>>

function queryOf(values: Values): TraceQuery {
  const { service, route, status, why, words } = values
  if (status !== undefined && !/^[1-5](?:xx|[0-9][0-9])$/.test(status))
    throw new ArgumentError('--status must be a status, such as 404, or a class of them, such as 5xx.')
  const sinceMinutes = numberOf(values, 'since')
  const from = sinceMinutes === undefined ? undefined : Date.now() - sinceMinutes * 60_000
  return {
    ...{
      service,
      route,
      status,
      words,
      from,
      minMs: numberOf(values, 'min'),
      maxMs: numberOf(values, 'max'),
    },
    why: why === undefined ? undefined : oneOf('why', why, ['error', 'slow', 'sampled'] as const),
    sort: oneOf('sort', values.sort ?? 'time', ['time', 'duration']),
    limit: Math.min(numberOf(values, 'limit') ?? 20, 1_000),
  }
}

function numberOf(values: Values, name: 'min' | 'max' | 'since' | 'limit'): number | undefined {
  const value = values[name]
  if (value === undefined) return undefined
  const number = readWholeNumber(value)
  if (number === undefined) throw new ArgumentError(`--${name} must be a whole number, such as 100.`)
  return number
}

function oneOf<Word extends string>(option: string, value: string, words: readonly Word[]): Word {
  const found = words.find((word) => word === value)
  if (found === undefined) throw new ArgumentError(`--${option} must be one of ${words.join(', ')}.`)
  return found
}
