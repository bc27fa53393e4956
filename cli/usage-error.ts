import { parseArgs } from 'node:util'
import { argumentFault, unknownCommand } from '@quintet/chassis/config'
import type { ParseArgsConfig } from 'node:util'

/** An invalid command line, or another fault that the message describes in full; it is printed without a stack trace. */
export class UsageError extends Error {}

/** Invalid arguments of a command; they are printed with the usage of the command. */
export class ArgumentError extends UsageError {}

/** The same as `parseArgs`; throws an ArgumentError for invalid arguments. */
export function parseArguments<T extends ParseArgsConfig>(config: T) {
  try {
    return parseArgs(config)
  } catch (error) {
    throw new ArgumentError(argumentFault(error, config.options ?? {}))
  }
}

/** Throws for arguments of a command that has none. */
export function requireNoArguments(command: string, words: readonly string[]): void {
  if (words.length > 0) throw new ArgumentError(`quintet ${command} has no arguments.`)
}

/** The error for a command without one of its own commands, such as `quintet migrate` or `quintet migrate stauts`. */
export function unknownAction(
  command: string,
  word: string | undefined,
  actions: readonly string[],
): ArgumentError {
  return new ArgumentError(
    word === undefined
      ? `quintet ${command} needs one of these commands:`
      : unknownCommand(`quintet ${command}`, word, actions),
  )
}
