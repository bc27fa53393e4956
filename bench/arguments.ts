import { parseArgs } from 'node:util'
import { readWholeNumber } from '@quintet/chassis/config'
import type { Row } from './rows.ts'
import { selectRows } from './rows.ts'

export type Arguments = {
  rows: Row[]
  engines: boolean
  settings: { rounds: number; seconds: number; connections: number }
  /** Whether to measure starts instead of rows. */
  start: boolean
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
  --profile <name>     print a CPU profile of one row
  --against <commit>   compare with a commit, and fail if a row is worse`

/** Throws an error whose message is for the user. */
export function parseArguments(args: string[], all: { rows: Row[]; engineRows: Row[] }): Arguments {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      connections: { type: 'string', default: '32' },
      engines: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      start: { type: 'boolean', default: false },
      profile: { type: 'string' },
      against: { type: 'string' },
    },
  })
  const { engines, start, profile, against } = values
  if (profile !== undefined && against !== undefined)
    throw new Error('--profile and --against exclude each other.')
  if (profile !== undefined && start) throw new Error('--profile and --start exclude each other.')
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
    ...(profiled === undefined ? {} : { profile: profiled }),
    ...(against === undefined ? {} : { against }),
  }
}

function roundsOf(value: string | undefined, against: string | undefined): number {
  const rounds = toCount('rounds', value ?? (against === undefined ? '3' : '8'))
  if (against !== undefined && rounds < 2)
    throw new Error('--rounds must be at least 2 with --against, because one pair has no interval.')
  return rounds
}

function toCount(flag: string, value: string): number {
  const count = readWholeNumber(value)
  if (count === undefined || count < 1) throw new Error(`--${flag} must be a whole number from 1 up.`)
  return count
}
