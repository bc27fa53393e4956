import { securityFields } from '@quintet/chassis/http'

/** The properties of a header field that matter for forwarding. */
export type HeaderField = {
  /** In lower case. */
  readonly name: string
  /** Whether it concerns one connection only, and is not forwarded (RFC 9110, 7.6.1). */
  readonly isHopByHop: boolean
  /** Whether it is stated by the server that the client is connected to, as the policies for browsers are, and left out of a forwarded response. */
  readonly isOfServer: boolean
}

/** The options of a `Connection` field (RFC 9110, 7.6.1). */
type ConnectionOptions = {
  /** Whether the connection ends with this message. */
  readonly isClose: boolean
  /** The fields, in lower case, that concern this connection only. */
  readonly nominated: ReadonlySet<string> | undefined
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

/** Besides those for cross-origin requests, whose names begin alike. */
const ofServer = new Set(securityFields.filter((_, i) => i % 2 === 0))

const token = /^[\w!#$%&'*+\-.^`|~]+$/
/** Control characters, bare CR and bare LF, after which some parsers would begin another field. */
const invalidCharacter = /[^\t\x20-\x7e\x80-\xff]/

/** A cache: the same few names recur, and a look-up costs a fraction of the validation. */
const knownFields = new Map<string, HeaderField>()
const limits = { knownFieldsMax: 1_000, knownNameLengthMax: 64 }

/** The field with this name; undefined if it is not a valid field name. */
export function headerField(rawName: string): HeaderField | undefined {
  const known = knownFields.get(rawName)
  if (known !== undefined) return known
  if (!token.test(rawName)) return undefined
  const name = rawName.toLowerCase()
  // Servers that make variables of fields take an underscore for a hyphen (RFC 3875, 4.1.18).
  const isHopByHop = hopByHop.has(name.replaceAll('_', '-'))
  const isOfServer = ofServer.has(name) || /^access-control-(?!request-)/.test(name)
  const field = { name, isHopByHop, isOfServer }
  if (rawName.length <= limits.knownNameLengthMax) remember(rawName, field)
  return field
}

/** Drops all names when there are too many, so that a peer that invents names slows others down only for a moment. */
function remember(rawName: string, field: HeaderField): void {
  if (knownFields.size >= limits.knownFieldsMax) knownFields.clear()
  knownFields.set(rawName, field)
}

/** Whether the text is the value of a field: visible characters, spaces, tabs, and bytes that are not ASCII (RFC 9110, 5.5). */
export function isFieldValue(text: string): boolean {
  return !invalidCharacter.test(text)
}

const persistent: ConnectionOptions = { isClose: false, nominated: undefined }

/** Parses a `Connection` field. A value that is not a list of tokens counts as `close`, which is safe. */
export function connectionOptions(value: string | undefined): ConnectionOptions {
  if (value === undefined || value === 'keep-alive') return persistent
  const nominated = new Set<string>()
  let isClose = false
  for (const member of value.split(',')) {
    const option = trimBlanks(member, 0, member.length).toLowerCase()
    if (option === 'keep-alive' || option === '') continue
    if (option === 'close' || !token.test(option)) isClose = true
    nominated.add(option)
  }
  return { isClose, nominated: nominated.size === 0 ? undefined : nominated }
}

/** Removes spaces and tabs at both ends; `trim` would also remove bytes that are significant in other encodings. */
export function trimBlanks(text: string, start: number, end: number): string {
  let first = start
  let last = end
  while (first < last && isBlank(text.charCodeAt(first))) first += 1
  while (last > first && isBlank(text.charCodeAt(last - 1))) last -= 1
  return text.slice(first, last)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}
