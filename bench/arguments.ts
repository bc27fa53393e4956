import { parseCommandLine, UsageError } from '@quintet/backends/command-line'
import { readWholeNumber } from '@quintet/chassis/config'
import type { Row } from './rows.ts'
import { selectRows } from './rows.ts'

export type Arguments = {
  rows: Row[]
  engines: boolean
  settings: { rounds: number; seconds: number; connections: number }
  /** Whether to measure starts instead of rows. */
  start: boolean
  /** The numbers of rows for which to measure the same operations, instead of rows of the table. */
  scale?: number[]
  /** How many seconds of load to watch, instead of rows. */
  soak?: number
  /** The number of traces with which to measure the console, instead of rows. */
  console?: number
  /** The row to profile. */
  profile?: Row
  /** The commit to compare with. */
  against?: string
}

export const usage = `Usage: npm run bench -- [options]

  --only <names>       rows to measure: whole names or parts of names, separated by commas
  --rounds <n>         rounds (3; 8 with --against)
  --seconds <n>        seconds of load per row and round (5; 2 with --against, for each side)
  --connections <n>    connections of the load generator (32)
  --engines            the rows on real engines as well
  --start              the time from the start of a process to its first response, instead of rows
  --scale              the same operations with 10 thousand and 1 million rows, instead of rows
  --rows <n>           with --scale: the largest number of rows, such as 10m (1m); with --console: of traces (250k)
  --console            what the console costs, and its lists with many traces and lines, instead of rows
  --soak <duration>    memory, descriptors and latency under load for so long, such as 20m, instead of rows
  --profile <name>     print a CPU profile of one row
  --against <commit>   compare with a commit, and fail if a row is worse`

/** Throws a UsageError for invalid arguments. */
export function parseArguments(args: readonly string[], all: { rows: Row[]; engineRows: Row[] }): Arguments {
  const { values } = parseCommandLine({
    args: [...args],
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      connections: { type: 'string', default: '32' },
      engines: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      start: { type: 'boolean', default: false },
      scale: { type: 'boolean', default: false },
      console: { type: 'boolean', default: false },
      rows: { type: 'string' },
      soak: { type: 'string' },
      profile: { type: 'string' },
      against: { type: 'string' },
    },
  })
  const { engines, start, scale, soak, profile, against, console: ofConsole } = values
  const alone = {
    '--profile': profile,
    '--scale': scale || undefined,
    '--soak': soak,
    '--console': ofConsole || undefined,
  }
  requireAtMostOne({ '--against': against, ...alone })
  requireAtMostOne({ '--start': start || undefined, ...alone })
  if (values.rows !== undefined && !scale && !ofConsole)
    throw new UsageError('--rows needs --scale or --console.')
  const available = engines ? [...all.rows, ...all.engineRows] : all.rows
  const profiled = profile === undefined ? undefined : selectRows(available, [profile])[0]
  return {
    engines,
    start,
    rows: selectRows(available, values.only.split(',')),
    settings: {
      rounds: roundsOf(values.rounds, against),
      seconds: toCount('seconds', values.seconds ?? (against === undefined ? '5' : '2')),
      connections: toCount('connections', values.connections),
    },
    ...(scale && { scale: rowsUpTo(values.rows ?? '1m') }),
    ...(soak !== undefined && { soak: toSeconds(soak) }),
    ...(ofConsole && { console: rowsOf(values.rows ?? '250k') }),
    ...(profiled === undefined ? {} : { profile: profiled }),
    ...(against === undefined ? {} : { against }),
  }
}

function requireAtMostOne(options: Readonly<Record<string, unknown>>): void {
  const [first, second] = Object.keys(options).filter((name) => options[name] !== undefined)
  if (second !== undefined) throw new UsageError(`${first} and ${second} exclude each other.`)
}

const rowsSteps = [10_000, 1_000_000, 10_000_000]

/** The steps below the largest number, and itself: `10m` is ten million. */
function rowsUpTo(text: string): number[] {
  const [smallest = 0] = rowsSteps
  const largest = rowsOf(text)
  return [smallest, ...rowsSteps.filter((step) => step > smallest && step < largest), largest]
}

function rowsOf(text: string): number {
  const [, digits, unit = ''] = /^([1-9]\d{0,8})([km]?)$/.exec(text) ?? []
  const number = Number(digits) * (unit === 'm' ? 1_000_000 : unit === 'k' ? 1_000 : 1)
  const [smallest = 0] = rowsSteps
  if (!(number > smallest))
    throw new UsageError(`--rows must be a number above ${smallest}, such as 500k or 10m.`)
  return number
}

const soakSecondsMin = 60

function toSeconds(text: string): number {
  const [, digits, unit = ''] = /^([1-9]\d{0,4})([smh])$/.exec(text) ?? []
  const seconds = Number(digits) * ({ s: 1, m: 60, h: 3_600 }[unit] ?? Number.NaN)
  if (!(seconds >= soakSecondsMin))
    throw new UsageError(`--soak must be a duration from ${soakSecondsMin}s up, such as 20m.`)
  return seconds
}

function roundsOf(value: string | undefined, against: string | undefined): number {
  const rounds = toCount('rounds', value ?? (against === undefined ? '3' : '8'))
  if (against !== undefined && rounds < 2)
    throw new UsageError('--rounds must be at least 2 with --against, because one pair has no interval.')
  return rounds
}

function toCount(flag: string, value: string): number {
  const count = readWholeNumber(value)
  if (count === undefined || count < 1) throw new UsageError(`--${flag} must be a whole number from 1 up.`)
  return count
}
