import { setTimeout as pause } from 'node:timers/promises'
import { AppError, invalid } from '../errors/index.ts'
import { parseQueueCommand } from './command-arguments.ts'
import type { QueueCommand } from './command-arguments.ts'
import { isDeadQueue, liveQueueOf } from './port.ts'
import type { QueueAdmin, StoredMessage } from './port.ts'
import { printable } from './printable.ts'
import { describeOutcome, followReplay } from './replay-outcome.ts'

const factLengthMax = 2_000
const lookIntervalMs = 250

/** For so long the outcome of a replay is waited for without any change, as where nothing consumes the queue. */
const patienceMsDefault = 10_000

type Options = {
  /** Called for each broker that cannot be listed; without it the first one rejects. */
  readonly onFailure?: (error: unknown) => void
  readonly patienceMs?: number
}

/**
 * Runs `quintet queue` with these arguments on the queues of several brokers; resolves to its output. Rejects with an AppError
 * whose message is for the operator.
 */
export async function runQueueCommand(
  brokers: readonly QueueAdmin[],
  args: readonly string[],
  { onFailure = rethrow, patienceMs = patienceMsDefault }: Options = {},
): Promise<string> {
  const command = parseQueueCommand(args)
  const { action, name } = command
  if (action === 'list') return list(brokers, onFailure)
  const broker = await brokerOf(brokers, name)
  if (action === 'show') return show(broker, command)
  if (action === 'reasons') return reasons(broker, name)
  if (action === 'replay') return replay(broker, command, patienceMs)
  if (action === 'drop') return drop(broker, command)
  return redeclare(broker, name)
}

function rethrow(error: unknown): never {
  throw error
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

async function show(broker: QueueAdmin, { name, page }: QueueCommand): Promise<string> {
  const { limit, after, reason } = page
  // One more than is shown, to see whether there is a next page.
  const found = await broker.list(name, { ...page, limit: limit + 1 })
  const messages = found.slice(0, limit)
  const chosen = reason === undefined ? '' : ` --reason ${quoted(reason)}`
  const next = `npm run quintet -- queue show ${printable(name)}${chosen} --limit ${limit} --after ${messages.at(-1)?.position}`
  const shown =
    found.length === 0
      ? `${printable(name)} has no ${after > 0 ? 'more ' : ''}messages${reason === undefined ? '' : ' of this reason'}.\n`
      : messages.map(describe).join('\n') + (found.length > limit ? `\nmore: ${next}\n` : '')
  return shown + effectOf(broker)
}

async function reasons(broker: QueueAdmin, name: string): Promise<string> {
  const { groups, total, seen } = await broker.reasons(name)
  if (groups.length === 0) return `${printable(name)} has no messages.\n${effectOf(broker)}`
  const rows = [
    ['count', 'first', 'last', 'reason'],
    ...groups.map(({ count, firstAt, lastAt, reason }) => [
      String(count),
      firstAt === undefined ? '-' : timeOf(firstAt),
      lastAt === undefined ? '-' : timeOf(lastAt),
      printable(reason),
    ]),
  ]
  const widths = columnWidths(rows)
  const line = ([count = '', first = '', last = '', reason = '']: readonly string[]) =>
    `${count.padStart(widths[0] ?? 0)}  ${first.padEnd(widths[1] ?? 0)}  ${last.padEnd(widths[2] ?? 0)}  ${reason}\n`
  const note = seen < total ? `These are of the oldest ${seen}; there are ${total}.\n` : ''
  return rows.map(line).join('') + note + effectOf(broker)
}

/** What showing the messages has done to the queue, where it has done something. */
function effectOf({ lookEffect }: QueueAdmin): string {
  return lookEffect === undefined ? '' : `\n${lookEffect}\n`
}

async function replay(broker: QueueAdmin, command: QueueCommand, patienceMs: number): Promise<string> {
  const { name, choice, move, wait } = command
  const queue = liveQueueOf(name)
  const watch = followReplay(broker, queue)
  const replayed = await broker.replay(name, choice, move)
  if (replayed.length === 0) requireFound(command)
  const moved = `${messagesOf(replayed.length)} moved back to ${printable(queue)}.\n`
  if (!wait || replayed.length === 0) return moved
  watch.add(replayed)
  for (;;) {
    const outcome = await watch.look()
    if (outcome.isOver || watch.unchangedMs() >= patienceMs) return `${moved}${describeOutcome(outcome)}\n`
    await pause(lookIntervalMs)
  }
}

async function drop(broker: QueueAdmin, command: QueueCommand): Promise<string> {
  const count = await removeFrom(broker, command)
  if (count === 0) requireFound(command)
  return `${messagesOf(count)} removed from ${printable(command.name)}.\n`
}

async function redeclare(broker: QueueAdmin, name: string): Promise<string> {
  if (broker.redeclare === undefined || isDeadQueue(name)) return `${printable(name)} needs no declaration.\n`
  const count = await broker.redeclare(name)
  return `${printable(name)} is declared as it should be; ${messagesOf(count)} moved.\n`
}

async function removeFrom(
  broker: QueueAdmin,
  { name, id, choice, move, isChosen }: QueueCommand,
): Promise<number> {
  if (id === '' && !isChosen) return broker.purge(name)
  if (isDeadQueue(name)) return (await broker.dropDead(name, choice, move)).length
  if (broker.dropWaiting !== undefined) return broker.dropWaiting(name, id)
  throw invalid({
    id: 'This broker cannot remove a single message from a queue; "all" removes all that it holds now.',
  })
}

/** Throws where the message was named that is not there. */
function requireFound({ id, name }: QueueCommand): void {
  if (id !== '')
    throw new AppError('not_found', `There is no message ${printable(id)} in ${printable(name)}.`)
}

function messagesOf(count: number): string {
  return count === 1 ? '1 message' : `${count} messages`
}

function describe(message: StoredMessage): string {
  const { position, id, key, body, headers, attempts, publishedAt, state, failedAt, reason } = message
  const facts = {
    published: timeOf(publishedAt),
    attempts: String(attempts),
    state: state ?? '',
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

/** As one word of a shell. */
function quoted(text: string): string {
  return `'${printable(text).replaceAll("'", "'\\''")}'`
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
  const widths = columnWidths(rows)
  const line = ([name = '', depth = '', oldest = '']: readonly string[]) =>
    `${name.padEnd(widths[0] ?? 0)}  ${depth.padStart(widths[1] ?? 0)}  ${oldest.padStart(widths[2] ?? 0)}\n`
  return rows.map(line).join('')
}

function columnWidths(rows: readonly (readonly string[])[]): number[] {
  return (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
}
