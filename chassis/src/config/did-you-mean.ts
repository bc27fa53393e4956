import { editDistance } from './edit-distance.ts'

/** A question about the nearest of the known words, with a space before it, if at most a third of the letters are typos. */
export function didYouMean(word: string, known: readonly string[]): string {
  const [nearest] = known
    .map((one) => ({ one, distance: editDistance(word, one) }))
    .filter(({ distance }) => distance <= word.length / 3)
    .sort((one, other) => one.distance - other.distance)
  return nearest === undefined ? '' : ` Did you mean ${nearest.one}?`
}

/** A sentence on a word that is none of the commands of this one, which are printed below it. */
export function unknownCommand(command: string, word: string, known: readonly string[]): string {
  const question = didYouMean(word, known)
  return `"${word}" is not a command of ${command}${question === '' ? ', which' : `.${question} It`} has these:`
}

/** The message of an error of `parseArgs`; for an unknown option with the nearest known one. */
export function argumentFault(error: unknown, options: object): string {
  const message = error instanceof Error ? error.message : String(error)
  const [, option] = /^Unknown option '(--?[\w-]+)'/.exec(message) ?? []
  if (option === undefined) return message
  const known = Object.keys(options).map((name) => `--${name}`)
  return `There is no option ${option}.${didYouMean(option, known)}`
}
