import { parseArgs } from 'node:util'
import type { ParseArgsConfig } from 'node:util'

/** An invalid command line, or another fault that the message describes in full; it is printed without a stack trace. */
export class UsageError extends Error {}

/** The same as `parseArgs`; throws for invalid arguments with the usage of the command. */
export function parseArguments<T extends ParseArgsConfig>(config: T, usage: string) {
  try {
    return parseArgs(config)
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : error}\n${usage}`)
  }
}

/** Throws for arguments of a command that has none. */
export function requireNoArguments(command: string, words: readonly string[]): void {
  if (words.length > 0) throw new UsageError(`quintet ${command} has no arguments.`)
}

/** The error for a command without one of its own commands, such as `quintet migrate` or `quintet migrate stauts`. */
export function unknownAction(command: string, word: string | undefined, usage: string): UsageError {
  const fault =
    word === undefined
      ? `quintet ${command} needs one of these commands:`
      : `"${word}" is not a command of quintet ${command}, which has these:`
  return new UsageError(`${fault}\n${usage}`)
}
