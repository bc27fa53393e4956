/** The properties of a header field that matter for forwarding. */
export type HeaderField = {
  /** In lower case. */
  readonly name: string
  /** Whether it concerns one connection only, and is not forwarded (RFC 9110, 7.6.1). */
  readonly isHopByHop: boolean
}

// `Trailer` is included because trailers are dropped, as an intermediary may (RFC 9110, 6.5.1).
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** A cache: the same few names recur, and a look-up costs a fraction of the validation. */
const knownFields = new Map<string, HeaderField>()
const knownFieldsMax = 1_000

/** The field with this name; undefined if it is not a valid field name. */
export function headerField(rawName: string): HeaderField | undefined {
  const known = knownFields.get(rawName)
  if (known !== undefined) return known
  if (!/^[\w!#$%&'*+\-.^`|~]+$/.test(rawName)) return undefined
  const name = rawName.toLowerCase()
  const field = { name, isHopByHop: hopByHop.has(name) }
  if (knownFields.size < knownFieldsMax) knownFields.set(rawName, field)
  return field
}

/** The fields, in lower case, that a `Connection` field nominates as hop-by-hop. */
export function nominatedFields(connection: string | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined || /^(?:keep-alive|close)?$/i.test(connection)) return undefined
  return new Set(connection.split(',').map((name) => name.trim().toLowerCase()))
}
