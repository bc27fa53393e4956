import { parseArgs } from 'node:util'
import { argumentFault, readWholeNumber, unknownCommand } from '../config/index.ts'
import { invalid } from '../errors/index.ts'
import type { AppError } from '../errors/index.ts'
import { isDeadQueue, lettersMax, listMax } from './port.ts'
import type { DeadLetterChoice, MoveOptions } from './port.ts'
import { printable } from './printable.ts'

export const queueCommandUsage = `
  quintet queue list                        list all queues, with the number of messages and the age of the oldest
  quintet queue show <queue>                show its messages, oldest first; [--reason <text>] [--limit <count>] [--after <position>]
  quintet queue reasons <queue>.dead        count its dead letters by reason
  quintet queue replay <queue>.dead <id>    move a dead letter back to its queue, as a new message, and print what has become of it; "all" for
                                            all of them; [--reason <text>] [--first <count>] [--per-second <count>] [--expect <count>] [--no-wait]
  quintet queue drop <queue> <id>           remove a message permanently; "all" for all of them; of dead letters [--reason <text>]
                                            [--first <count>] [--expect <count>]
  quintet queue redeclare <queue>           declare a queue of an earlier version again on RabbitMQ; its messages are kept
`

const shownDefault = 20
const shownMax = listMax - 1
const perSecondMax = 1_000

/** Options of `quintet queue`. */
export const queueOptions = {
  limit: { type: 'string' },
  after: { type: 'string' },
  reason: { type: 'string' },
  first: { type: 'string' },
  'per-second': { type: 'string' },
  expect: { type: 'string' },
  wait: { type: 'boolean' },
} as const

type Option = keyof typeof queueOptions

type Rules = { readonly words: readonly string[]; readonly options: readonly Option[] }

/** What follows each command. */
const rulesOf: ReadonlyMap<string, Rules> = new Map<string, Rules>([
  ['list', { words: [], options: [] }],
  ['show', { words: ['queue'], options: ['reason', 'limit', 'after'] }],
  ['reasons', { words: ['queue'], options: [] }],
  ['replay', { words: ['queue', 'id'], options: ['reason', 'first', 'per-second', 'expect', 'wait'] }],
  ['drop', { words: ['queue', 'id'], options: ['reason', 'first', 'expect'] }],
  ['redeclare', { words: ['queue'], options: [] }],
])

/** What `quintet queue` is to do. */
export type QueueCommand = {
  readonly action: string
  readonly name: string
  /** Of a message; empty where they are chosen otherwise, as by `all`. */
  readonly id: string
  readonly page: { readonly limit: number; readonly after: number; readonly reason?: string }
  /** Whether an option chooses among the dead letters. */
  readonly isChosen: boolean
  readonly choice: DeadLetterChoice
  readonly move: Pick<MoveOptions, 'expect' | 'perSecond'>
  readonly wait: boolean
}

/** Throws an AppError for whatever is wrong with the arguments. */
export function parseQueueCommand(args: readonly string[]): QueueCommand {
  const { positionals, values } = parse(args)
  const [action = '', name = '', word = ''] = positionals
  const { reason } = values
  requireKnown(positionals, values)
  const counts = {
    first: countOf(values, 'first', lettersMax),
    expect: countOf(values, 'expect', Number.MAX_SAFE_INTEGER, 0),
    perSecond: countOf(values, 'per-second', perSecondMax),
  }
  const isChosen = reason !== undefined || counts.first !== undefined || counts.expect !== undefined
  if (action === 'drop' && isChosen && !isDeadQueue(name))
    throw misused(
      `--reason, --first and --expect are for dead letters, and ${printable(name)} is not a queue of them.`,
    )
  const id = word === 'all' ? '' : word
  return {
    action,
    name,
    id,
    page: { ...pageOf(values), ...(reason !== undefined && { reason }) },
    isChosen,
    choice: {
      ...(id !== '' && { ids: [id] }),
      ...(reason !== undefined && { reason }),
      ...(counts.first !== undefined && { first: counts.first }),
    },
    move: {
      ...(counts.expect !== undefined && { expect: counts.expect }),
      ...(counts.perSecond !== undefined && { perSecond: counts.perSecond }),
    },
    wait: values.wait ?? true,
  }
}

type Values = ReturnType<typeof parse>['values']

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: queueOptions, allowPositionals: true, allowNegative: true })
  } catch (error) {
    throw misused(argumentFault(error, queueOptions))
  }
}

/** Throws for an unknown command, and for one with too few or too many words, or with options of another; they are named. */
function requireKnown([action, ...words]: readonly string[], values: Values): void {
  if (action === undefined) throw misused('quintet queue needs one of these commands:')
  const rules = rulesOf.get(action)
  if (rules === undefined)
    throw misused(unknownCommand('quintet queue', printable(action), [...rulesOf.keys()]))
  const missing = rules.words.slice(words.length).filter((word) => word !== 'id' || !choosesLetters(values))
  const surplus = words.slice(rules.words.length)
  if (missing.length > 0)
    throw misused(
      `quintet queue ${action} needs ${missing.map((word) => (word === 'id' ? 'an id' : `a ${word}`)).join(' and ')}.`,
    )
  if (surplus.length > 0)
    throw misused(`quintet queue ${action} has no argument "${printable(surplus.join(' '))}".`)
  const known: readonly string[] = rules.options
  const unknown = Object.keys(values).find((option) => !known.includes(option))
  if (unknown !== undefined) throw misused(`quintet queue ${action} has no option --${unknown}.`)
}

/** Whether options take the place of an id. */
function choosesLetters({ reason, first }: Values): boolean {
  return reason !== undefined || first !== undefined
}

function pageOf({ limit, after }: Values): { limit: number; after: number } {
  const page = { limit: readWholeNumber(limit ?? `${shownDefault}`), after: readWholeNumber(after ?? '0') }
  if (page.limit === undefined || page.limit < 1 || page.limit > shownMax)
    throw invalid({ limit: `--limit must be a whole number from 1 to ${shownMax}.` })
  if (page.after === undefined)
    throw invalid({ after: '--after must be a position that was shown, such as 17.' })
  return { limit: page.limit, after: page.after }
}

function countOf(
  values: Values,
  option: 'first' | 'expect' | 'per-second',
  max: number,
  min = 1,
): number | undefined {
  const text = values[option]
  if (text === undefined) return undefined
  const count = readWholeNumber(text)
  if (count === undefined || count < min || count > max)
    throw invalid({
      [option]:
        max === Number.MAX_SAFE_INTEGER
          ? `--${option} must be a whole number.`
          : `--${option} must be a whole number from ${min} to ${max}.`,
    })
  return count
}

function misused(fault: string): AppError {
  return invalid({ command: `${fault}\n${queueCommandUsage}` })
}
