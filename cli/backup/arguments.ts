import { resolve } from 'node:path'
import { ArgumentError, parseArguments } from '../usage-error.ts'

/** The one option of a command, as `parseArgs` takes it. */
type OneOption = Readonly<Record<string, { readonly type: 'boolean' }>>

/** The one folder that a command needs, as an absolute path, and whether its one option is there. Throws for any other arguments. */
export function folderAndOption(
  command: string,
  options: OneOption,
  words: readonly string[],
): { folder: string; isSet: boolean } {
  const config = { args: [...words], options, allowPositionals: true }
  const { values, positionals } = parseArguments(config)
  const [folder, ...rest] = positionals
  if (folder === undefined || folder === '' || rest.length > 0)
    throw new ArgumentError(`quintet ${command} needs one folder:`)
  return { folder: resolve(folder), isSet: Object.values(values).includes(true) }
}
