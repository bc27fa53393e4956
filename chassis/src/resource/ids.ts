/** The id that a text is in its one notation: a whole number from 1 on, as a database counts. No other text is an id. */
export function readId(text: string): number | undefined {
  return idExpression.test(text) ? Number(text) : undefined
}

/** The id that a text is. Any other text names nothing, so it is refused like an id that was never given. */
export function parseId(text: string, notFound: (text: string) => Error): number {
  const id = readId(text)
  if (id === undefined) throw notFound(text)
  return id
}

/** At most 15 digits, which every number in JSON keeps. */
const idExpression = /^[1-9][0-9]{0,14}$/
