/** An invalid command line; only the message is printed, without a stack trace. */
export class UsageError extends Error {}

/** The error for a command without one of its own commands, such as `quintet migrate` or `quintet migrate stauts`. */
export function unknownAction(command: string, word: string | undefined, usage: string): UsageError {
  const fault =
    word === undefined
      ? `quintet ${command} needs one of these commands:`
      : `"${word}" is not a command of quintet ${command}, which has these:`
  return new UsageError(`${fault}\n${usage}`)
}
