import { parseCommandLine, UsageError } from '@quintet/backends/command-line'
import { readWholeNumber } from '@quintet/chassis/config'
import { upstreamNames } from '@quintet/contracts/topology'

const profiles = ['smoke', 'load', 'stress', 'spike', 'soak', 'breakpoint'] as const
type Profile = (typeof profiles)[number]

export type Arguments = {
  readonly profile: Profile
  /** The service that gets the load; without it, all of them. */
  readonly service?: string
  /** The origin of the gateway. */
  readonly target: string
  /** The highest number of stories per second, and how long they take in all, instead of those of the profile. */
  readonly rate?: number
  readonly seconds?: number
}

export const usage = `Usage: npm run load -- <profile> [options]

Puts load on a running system by k6, and writes a report with charts to load/results. Profiles:

  smoke        15 s: whether everything works
  load         3 min: the load of every day
  stress       3 min: rising load, up to what the system may refuse, and whether it is as before afterwards
  spike        1 min: many times the load at once, and whether it is as before afterwards
  soak         30 min: the load of every day, and whether anything becomes slower
  breakpoint   up to 5 min: rising load until the system refuses much or is too slow

  --service <name>     the story of one service: ${upstreamNames.join(', ')} (all of them mixed)
  --target <url>       the gateway (http://127.0.0.1:3000)
  --rate <n>           the highest number of stories per second, each of 2 to 6 requests
  --seconds <n>        how long it takes in all

It adds data: use it on a system that is there for tests.`

/** Throws a UsageError for invalid arguments. */
export function parseArguments(args: readonly string[]): Arguments {
  const { values, positionals } = parseCommandLine({
    args: [...args],
    allowPositionals: true,
    options: {
      service: { type: 'string' },
      target: { type: 'string', default: 'http://127.0.0.1:3000' },
      rate: { type: 'string' },
      seconds: { type: 'string' },
    },
  })
  const [word, ...others] = positionals
  const profile = profiles.find((one) => one === word)
  if (profile === undefined || others.length > 0)
    throw new UsageError(`One of the profiles ${profiles.join(', ')} is needed.`)
  const { service } = values
  if (service !== undefined && !upstreamNames.some((name) => name === service))
    throw new UsageError(`--service must be ${upstreamNames.join(', ')}.`)
  const rate = numberOf('--rate', values.rate)
  const seconds = numberOf('--seconds', values.seconds)
  return {
    profile,
    target: originOf(values.target),
    ...(service !== undefined && { service }),
    ...(rate !== undefined && { rate }),
    ...(seconds !== undefined && { seconds }),
  }
}

function numberOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const number = readWholeNumber(text)
  if (number === undefined || number < 1 || number > 100_000)
    throw new UsageError(`${option} must be a number from 1 to 100000.`)
  return number
}

function originOf(text: string): string {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new UsageError('--target must be a URL such as http://127.0.0.1:3000.')
  return url.origin
}
