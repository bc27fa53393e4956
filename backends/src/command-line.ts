import { parseArgs } from 'node:util'
import type { ParseArgsConfig } from 'node:util'

/** An invalid command line; it is printed with the usage of the program. */
export class UsageError extends Error {}

/**
 * Runs a program of package.json, which resolves to whether it succeeded. `--help` and `-h` print its usage instead. An error is printed
 * without a stack trace, and with the usage only where the command line is invalid. The exit code is 1 unless it succeeded.
 */
export async function runProgram(
  usage: string,
  run: (args: readonly string[]) => boolean | Promise<boolean>,
): Promise<void> {
  endWithReader()
  const args = process.argv.slice(2)
  if (args.some((word) => word === '--help' || word === '-h')) {
    process.stdout.write(`${usage.trimEnd()}\n`)
    return
  }
  try {
    if (!(await run(args))) process.exitCode = 1
  } catch (error) {
    if (!(error instanceof Error)) throw error
    process.stderr.write(`${error.message}\n${error instanceof UsageError ? `\n${usage.trimEnd()}\n` : ''}`)
    process.exitCode = 1
  }
}

/** Ends this process when the program that reads its output, such as `head`, has ended. */
function endWithReader(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      process.exit()
    })
}

/** The same as `parseArgs`; throws a UsageError of one sentence for invalid arguments. */
export function parseCommandLine<T extends ParseArgsConfig>(config: T) {
  try {
    return parseArgs(config)
  } catch (error) {
    // After the fault Node explains how arguments are written in general.
    const [fault] = error instanceof Error ? error.message.split(/\. T|\.\n|\.$/, 1) : [String(error)]
    throw new UsageError(`${fault}.`)
  }
}
