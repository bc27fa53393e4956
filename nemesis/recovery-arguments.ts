import { parseCommandLine, UsageError } from '@quintet/backends/command-line'

export type RecoveryArguments = {
  readonly engines: readonly string[]
  readonly faults: readonly string[]
  readonly seconds: readonly number[]
  /** The longest time to the first success with which the exit code is 0. */
  readonly maxMs: number
}

const faultNames = ['kill', 'stop', 'refuse', 'swallow', 'lock', 'full']
const secondsMax = 3_600

export function recoveryUsage(engineNames: readonly string[]): string {
  return `Usage: npm run nemesis:recovery -- [options]

  --engines <names>  separated by commas: ${engineNames.join(', ')} (all)
  --faults <names>   ${faultNames.join(', ')} (all that the engine has)
  --seconds <n>      how long each fault lasts, several separated by commas (1,10,30)
  --max-ms <n>       the longest recovery with which the exit code is 0 (any)`
}

/** Throws a UsageError for invalid arguments. */
export function parseRecoveryArguments(
  args: readonly string[],
  engineNames: readonly string[],
): RecoveryArguments {
  const { values } = parseCommandLine({
    args: [...args],
    options: {
      engines: { type: 'string', default: engineNames.join() },
      faults: { type: 'string', default: faultNames.join() },
      seconds: { type: 'string', default: '1,10,30' },
      'max-ms': { type: 'string' },
    },
  })
  return {
    engines: namesOf('--engines', values.engines, engineNames),
    faults: namesOf('--faults', values.faults, faultNames),
    seconds: values.seconds.split(',').map((text) => numberOf('--seconds', text, secondsMax)),
    maxMs:
      values['max-ms'] === undefined
        ? Number.POSITIVE_INFINITY
        : numberOf('--max-ms', values['max-ms'], secondsMax * 1_000),
  }
}

function namesOf(option: string, text: string, known: readonly string[]): string[] {
  const names = text.split(',')
  for (const name of names)
    if (!known.includes(name))
      throw new UsageError(`${option}: there is no "${name}"; there are ${known.join(', ')}.`)
  return names
}

function numberOf(option: string, text: string, maximum: number): number {
  const number = /^\d{1,7}(\.\d{1,3})?$/.test(text) ? Number(text) : 0
  if (number > 0 && number <= maximum) return number
  throw new UsageError(`${option} must be greater than 0 and up to ${maximum}, but is "${text}".`)
}
