import { randomBytes } from 'node:crypto'
import { missingPackages } from '@quintet/backends'
import type { StorageName } from '@quintet/backends'
import { parseCommandLine, UsageError } from '@quintet/backends/command-line'
import type { Scenario } from '../scenarios/scenario.ts'

export type Arguments = {
  readonly scenarios: readonly Scenario[]
  /** That were not asked for by name, and need engines that this machine does not have. */
  readonly leftOut: readonly { readonly name: string; readonly missing: readonly StorageName[] }[]
  readonly minutes: number
  readonly seed: string
  /** Of these kinds only; undefined for all. */
  readonly faults: readonly string[] | undefined
  /** Undefined for a new temporary folder. */
  readonly keep: string | undefined
}

const minutesMax = 24 * 60

export function usageOf(all: readonly Scenario[]): string {
  const widest = Math.max(...all.map(({ name }) => name.length))
  return `Usage: npm run nemesis -- [options]

  --scenario <names>  scenarios, separated by commas (all whose engines are installed)
  --minutes <n>       how long each of them runs, such as 0.5 (1)
  --faults <kinds>    of these kinds only, separated by commas, such as kill,stop (all)
  --seed <text>       of the faults and the requests (a new one, which is printed)
  --keep <folder>     where histories and pictures are kept (a new temporary folder)
  --all               require the engines of all scenarios

Scenarios:

${all.map(({ name, summary }) => `  ${name.padEnd(widest)}  ${summary}`).join('\n')}`
}

/** Whether this machine can start the engine. */
export function isInstalled(engine: StorageName): boolean {
  return missingPackages(engine).length === 0
}

/** Each scenario once. Throws a UsageError for invalid arguments, and another error where engines are missing. */
export function parseArguments(
  args: readonly string[],
  all: readonly Scenario[],
  isInstalled: (engine: StorageName) => boolean,
): Arguments {
  const { values } = parseCommandLine({
    args: [...args],
    options: {
      scenario: { type: 'string' },
      minutes: { type: 'string', default: '1' },
      faults: { type: 'string' },
      seed: { type: 'string', default: randomBytes(4).toString('hex') },
      keep: { type: 'string' },
      all: { type: 'boolean', default: false },
    },
  })
  const chosen =
    values.scenario === undefined
      ? all
      : [...new Set(values.scenario.split(','))].map((name) => find(name, all))
  const missingOf = ({ engines }: Scenario) => engines.filter((engine) => !isInstalled(engine))
  const leftOut = chosen
    .map((scenario) => ({ scenario, name: scenario.name, missing: missingOf(scenario) }))
    .filter(({ missing }) => missing.length > 0)
  const [first] = leftOut
  if (first !== undefined && (values.all || values.scenario !== undefined))
    throw new Error(
      `${first.name} needs ${first.missing.join(' and ')}: run npm run backends -- up --native ${first.missing.join(' ')}.`,
    )
  if (values.seed === '') throw new UsageError('--seed must not be empty.')
  if (values.keep === '') throw new UsageError('--keep must name a folder.')
  return {
    scenarios: chosen.filter((scenario) => missingOf(scenario).length === 0),
    leftOut,
    minutes: minutesOf(values.minutes),
    seed: values.seed,
    faults: values.faults?.split(','),
    keep: values.keep,
  }
}

function find(name: string, all: readonly Scenario[]): Scenario {
  const found = all.find((scenario) => scenario.name === name)
  if (found !== undefined) return found
  throw new UsageError(
    `No scenario is called "${name}"; there are: ${all.map((one) => one.name).join(', ')}.`,
  )
}

function minutesOf(text: string): number {
  const minutes = /^\d{1,4}(\.\d{1,4})?$/.test(text) ? Number(text) : 0
  if (minutes > 0 && minutes <= minutesMax) return minutes
  throw new UsageError(`--minutes must be a number greater than 0 and up to ${minutesMax}, such as 0.5.`)
}
