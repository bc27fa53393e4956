import { resolve } from 'node:path'
import { parseArguments, UsageError } from '../usage-error.ts'

/** The one option of a command, as `parseArgs` takes it. */
type OneOption = Readonly<Record<string, { readonly type: 'boolean' }>>

/** The one folder that a command needs, as an absolute path, and whether its one option is there. Throws for any other arguments. */
export function folderAndOption(
  command: string,
  options: OneOption,
  words: readonly string[],
  usage: string,
): { folder: string; isSet: boolean } {
  const config = { args: [...words], options, allowPositionals: true }
  const { values, positionals } = parseArguments(config, usage)
  const [folder, ...rest] = positionals
  if (folder === undefined || folder === '' || rest.length > 0)
    throw new UsageError(`quintet ${command} needs one folder:\n${usage}`)
  return { folder: resolve(folder), isSet: Object.values(values).includes(true) }
}
