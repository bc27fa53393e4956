import { parseArgs } from 'node:util'
import { argumentFault, readWholeNumber, unknownCommand } from '../config/index.ts'
import { AppError, invalid } from '../errors/index.ts'
import { isDeadQueue, listMax, liveQueueOf } from './port.ts'
import type { QueueAdmin, StoredMessage } from './port.ts'

export const queueCommandUsage = `
  quintet queue list                        list all queues, with the number of messages and the age of the oldest
  quintet queue show <queue>                show its messages, oldest first; [--limit <count>] [--after <position>]
  quintet queue replay <queue>.dead <id>    move a dead letter back to its queue, as a new message; "all" for all of them
  quintet queue drop <queue> <id>           remove a message permanently; "all" for all of them
  quintet queue redeclare <queue>           declare a queue of an earlier version again on RabbitMQ; its messages are kept
`

const shownDefault = 20
const shownMax = listMax - 1
const factLengthMax = 2_000

/** Options of `quintet queue`. */
export const queueOptions = { limit: { type: 'string' }, after: { type: 'string' } } as const

/**
 * Runs `quintet queue` with these arguments on the queues of several brokers; resolves to its output. Rejects with an AppError
 * whose message is for the operator. `onFailure` is called for each broker that cannot be listed; without it the first one rejects.
 */
export async function runQueueCommand(
  brokers: readonly QueueAdmin[],
  args: readonly string[],
  onFailure: (error: unknown) => void = rethrow,
): Promise<string> {
  const { positionals, values } = parse(args)
  const [action, name = '', id = ''] = positionals
  requireWords(positionals)
  if (action !== 'show' && Object.keys(values).length > 0)
    throw misused('--limit and --after are options of quintet queue show only.')
  if (action === 'list') return list(brokers, onFailure)
  const page = pageOf(values)
  const broker = await brokerOf(brokers, name)
  if (action === 'show') return show(broker, name, page)
  if (action === 'replay') return replay(broker, name, id)
  if (action === 'drop') return drop(broker, name, id)
  return redeclare(broker, name)
}

function rethrow(error: unknown): never {
  throw error
}

/** What follows each command. */
const wordsOf: ReadonlyMap<string, readonly string[]> = new Map([
  ['list', []],
  ['show', ['queue']],
  ['replay', ['queue', 'id']],
  ['drop', ['queue', 'id']],
  ['redeclare', ['queue']],
])

/** Throws for an unknown command, and for one with too few or too many words, which are named. */
function requireWords([action, ...words]: readonly string[]): void {
  if (action === undefined) throw misused('quintet queue needs one of these commands:')
  const wanted = wordsOf.get(action)
  if (wanted === undefined)
    throw misused(unknownCommand('quintet queue', printable(action), [...wordsOf.keys()]))
  const missing = wanted.slice(words.length)
  const surplus = words.slice(wanted.length)
  if (missing.length > 0)
    throw misused(
      `quintet queue ${action} needs ${missing.map((word) => (word === 'id' ? 'an id' : `a ${word}`)).join(' and ')}.`,
    )
  if (surplus.length > 0)
    throw misused(`quintet queue ${action} has no argument "${printable(surplus.join(' '))}".`)
}

function misused(fault: string): AppError {
  return invalid({ command: `${fault}\n${queueCommandUsage}` })
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: queueOptions, allowPositionals: true })
  } catch (error) {
    throw misused(argumentFault(error, queueOptions))
  }
}

function pageOf({ limit, after }: { limit?: string; after?: string }): { limit: number; after: number } {
  const page = { limit: readWholeNumber(limit ?? `${shownDefault}`), after: readWholeNumber(after ?? '0') }
  if (page.limit === undefined || page.limit < 1 || page.limit > shownMax)
    throw invalid({ limit: `--limit must be a whole number from 1 to ${shownMax}.` })
  if (page.after === undefined)
    throw invalid({ after: '--after must be a position that was shown, such as 17.' })
  return { limit: page.limit, after: page.after }
}

/**
 * The broker with the queue. A queue of dead letters exists if its queue does, even where it is not listed. Rejects as a broker does that
 * cannot be listed, unless another one has the queue.
 */
async function brokerOf(brokers: readonly QueueAdmin[], name: string): Promise<QueueAdmin> {
  const results = await Promise.allSettled(brokers.map((broker) => broker.queues()))
  const known: string[] = []
  for (const [index, result] of results.entries()) {
    const names = result.status === 'fulfilled' ? result.value.map((queue) => queue.name) : []
    const broker = brokers[index]
    const hasQueue = names.includes(name) || (isDeadQueue(name) && names.includes(liveQueueOf(name)))
    if (broker !== undefined && hasQueue) return broker
    known.push(...names)
  }
  const failed = results.find((result) => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  const others =
    known.length === 0 ? 'there are none yet' : `the queues are ${known.map(printable).join(', ')}`
  throw new AppError('not_found', `There is no queue ${printable(name)}; ${others}.`)
}

async function list(brokers: readonly QueueAdmin[], onFailure: (error: unknown) => void): Promise<string> {
  const results = await Promise.allSettled(brokers.map((broker) => broker.queues()))
  const queues = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []))
  const failed = results.filter((result) => result.status === 'rejected')
  for (const { reason } of failed) onFailure(reason)
  if (queues.length === 0) return failed.length > 0 ? '' : 'There are no queues yet.\n'
  const rows = queues.map(({ name, depth, oldestAgeMs }) => [
    printable(name),
    String(depth),
    depth === 0 || oldestAgeMs === undefined ? '-' : ageOf(oldestAgeMs),
  ])
  return table([['queue', 'depth', 'oldest'], ...rows])
}

async function show(
  broker: QueueAdmin,
  name: string,
  page: { limit: number; after: number },
): Promise<string> {
  const { limit, after } = page
  // One more than is shown, to see whether there is a next page.
  const found = await broker.list(name, { limit: limit + 1, after })
  if (found.length === 0) return `${printable(name)} has no ${after > 0 ? 'more ' : ''}messages.\n`
  const messages = found.slice(0, limit)
  const next = `npm run quintet -- queue show ${printable(name)} --limit ${limit} --after ${messages.at(-1)?.position}`
  return messages.map(describe).join('\n') + (found.length > limit ? `\nmore: ${next}\n` : '')
}

async function replay(broker: QueueAdmin, name: string, id: string): Promise<string> {
  const count = await broker.replay(name, id)
  if (count === 0 && id !== 'all') throw missing(name, id)
  return `${messagesOf(count)} moved back to ${printable(liveQueueOf(name))}.\n`
}

async function drop(broker: QueueAdmin, name: string, id: string): Promise<string> {
  const count = await removeFrom(broker, name, id)
  if (count === 0 && id !== 'all') throw missing(name, id)
  return `${messagesOf(count)} removed from ${printable(name)}.\n`
}

async function redeclare(broker: QueueAdmin, name: string): Promise<string> {
  if (broker.redeclare === undefined || isDeadQueue(name)) return `${printable(name)} needs no declaration.\n`
  const count = await broker.redeclare(name)
  return `${printable(name)} is declared as it should be; ${messagesOf(count)} moved.\n`
}

function removeFrom(broker: QueueAdmin, name: string, id: string): Promise<number> {
  if (isDeadQueue(name)) return broker.dropDead(name, id)
  if (id === 'all') return broker.purge(name)
  if (broker.dropWaiting !== undefined) return broker.dropWaiting(name, id)
  throw invalid({
    id: 'This broker cannot remove a single message from a queue; "all" removes all that it holds now.',
  })
}

function missing(name: string, id: string): AppError {
  return new AppError('not_found', `There is no message ${printable(id)} in ${printable(name)}.`)
}

function messagesOf(count: number): string {
  return count === 1 ? '1 message' : `${count} messages`
}

function describe(message: StoredMessage): string {
  const { position, id, key, body, headers, attempts, publishedAt, failedAt, reason } = message
  const facts = {
    published: timeOf(publishedAt),
    attempts: String(attempts),
    failed: failedAt === undefined ? '' : timeOf(failedAt),
    reason: reason ?? '',
    key,
    headers: headers === undefined ? '' : JSON.stringify(headers),
    body,
  }
  const lines = Object.entries(facts).filter(([, fact]) => fact !== '')
  return `${position}  ${printable(id)}\n${lines.map(([name, fact]) => `    ${name.padEnd(10)} ${printable(shortened(fact))}\n`).join('')}`
}

function shortened(fact: string): string {
  if (fact.length <= factLengthMax) return fact
  return `${fact.slice(0, factLengthMax)}… and ${fact.length - factLengthMax} more characters`
}

/** Escapes characters that could control the terminal, or hide or reorder other text. */
function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (one) => `\\u{${one.codePointAt(0)?.toString(16)}}`)
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString()
}

function ageOf(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)} h` : `${Math.floor(seconds / 86_400)} d`
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = ([name = '', depth = '', oldest = '']: readonly string[]) =>
    `${name.padEnd(widths[0] ?? 0)}  ${depth.padStart(widths[1] ?? 0)}  ${oldest.padStart(widths[2] ?? 0)}\n`
  return rows.map(line).join('')
}
