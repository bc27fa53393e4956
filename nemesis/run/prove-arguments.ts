import { parseCommandLine, UsageError } from '@quintet/backends/command-line'
import { describeAttack, promises } from '../promises.ts'

export type ProveArguments = {
  /** Empty for the list of all. */
  readonly promise: string
  /** Undefined for a new one. */
  readonly seed: string | undefined
  /** Undefined for a new temporary folder. */
  readonly keep: string | undefined
}

export const proveUsage = `Usage: npm run prove -- <promise> [options]

  --seed <text>    of the faults and the requests of scenarios (a new one, which is printed)
  --keep <folder>  where histories and pictures are kept (a new temporary folder)

Promises, and what tries to break them:

${Object.entries(promises)
  .map(([name, attack]) => `  ${name}\n    ${describeAttack(attack)}`)
  .join('\n')}`

/** Throws a UsageError for invalid arguments. */
export function parseProveArguments(args: readonly string[]): ProveArguments {
  const { values, positionals } = parseCommandLine({
    args: [...args],
    allowPositionals: true,
    options: { seed: { type: 'string' }, keep: { type: 'string' } },
  })
  const [promise = '', ...others] = positionals
  if (others.length > 0)
    throw new UsageError(`One promise is tried at a time, so "${others.join(' ')}" is too much.`)
  if (promise !== '' && !Object.hasOwn(promises, promise))
    throw new UsageError(`No promise is called "${promise}".`)
  if (values.keep === '') throw new UsageError('--keep must name a folder.')
  return { promise, seed: values.seed, keep: values.keep }
}
