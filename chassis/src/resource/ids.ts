/** Parses an id: a whole number from 1, without sign or leading zeros; undefined for any other text. */
export function readId(text: string): number | undefined {
  return idExpression.test(text) ? Number(text) : undefined
}

/** The same for a path: a malformed id is refused like an unknown one. */
export function parseId(text: string, notFound: (text: string) => Error): number {
  const id = readId(text)
  if (id === undefined) throw notFound(text)
  return id
}

/** At most 15 digits, which a JavaScript number holds exactly. */
const idExpression = /^[1-9][0-9]{0,14}$/
