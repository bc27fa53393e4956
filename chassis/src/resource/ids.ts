/** Parses an id: decimal digits without leading zeros that are a safe integer; undefined for any other text. */
export function readId(text: string): number | undefined {
  const id = idExpression.test(text) ? Number(text) : Number.NaN
  return Number.isSafeInteger(id) ? id : undefined
}

/** The same for a path: a malformed id is refused like an unknown one. */
export function parseId(text: string, notFound: (text: string) => Error): number {
  const id = readId(text)
  if (id === undefined) throw notFound(text)
  return id
}

const idExpression = /^(?:0|[1-9]\d{0,15})$/
