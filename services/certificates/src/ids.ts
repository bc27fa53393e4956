/** What a database may give as an id; any other text names nothing, so it is refused as what is not there is. */
export function parseId(text: string, notFound: () => Error): number {
  if (!isId(text)) throw notFound()
  return Number(text)
}

export function isId(text: string): boolean {
  return /^[1-9]\d{0,14}$/.test(text)
}
