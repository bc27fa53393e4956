import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { UsageError } from '../usage-error.ts'

/** The one option of a command, as `parseArgs` takes it. */
type OneOption = Readonly<Record<string, { readonly type: 'boolean' }>>

/** The one folder that a command needs, as an absolute path, and whether its one option is there. Throws for any other arguments. */
export function folderAndOption(
  command: string,
  options: OneOption,
  words: readonly string[],
  usage: string,
): { folder: string; isSet: boolean } {
  const { values, positionals } = parse(options, words, usage)
  const [folder, ...rest] = positionals
  if (folder === undefined || folder === '' || rest.length > 0)
    throw new UsageError(`quintet ${command} needs one folder:\n${usage}`)
  return { folder: resolve(folder), isSet: Object.values(values).includes(true) }
}

function parse(options: OneOption, words: readonly string[], usage: string) {
  try {
    return parseArgs({ args: [...words], options, allowPositionals: true })
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\n${usage}`)
  }
}
