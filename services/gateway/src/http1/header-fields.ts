/** What the gateway must know of a header field before it passes it on. */
export type HeaderField = {
  /** In lower case. */
  readonly name: string
  /** It speaks of one connection, and goes no further than that (RFC 9110, 7.6.1). */
  readonly isHopByHop: boolean
}

// `Trailer` is of the list because trailers are dropped here, as an intermediary may (RFC 9110, 6.5.1).
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** The same few names come again and again, and looking one up costs a fraction of judging it. */
const knownFields = new Map<string, HeaderField>()
const knownFieldsMax = 1_000

/** The field of this name, or undefined where that is no name at all. */
export function headerField(rawName: string): HeaderField | undefined {
  const known = knownFields.get(rawName)
  if (known !== undefined) return known
  if (!/^[\w!#$%&'*+\-.^`|~]+$/.test(rawName)) return undefined
  const name = rawName.toLowerCase()
  const field = { name, isHopByHop: hopByHop.has(name) }
  if (knownFields.size < knownFieldsMax) knownFields.set(rawName, field)
  return field
}

/** The further fields, in lower case, that `Connection` declares to go no further than this connection. */
export function nominatedFields(connection: string | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined || /^(?:keep-alive|close)?$/i.test(connection)) return undefined
  return new Set(connection.split(',').map((name) => name.trim().toLowerCase()))
}
