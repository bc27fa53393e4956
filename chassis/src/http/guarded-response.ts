import type { IncomingMessage, ServerResponse as NodeResponse } from 'node:http'
import { securityFields } from '../guard/index.ts'

// An import of node:http would evaluate all of its exports, among them WebSocket and with it undici.
const { ServerResponse, validateHeaderValue } = process.getBuiltinModule('node:http')

/** Names and values in turn, or by name. */
export type Headers = string[] | Readonly<Record<string, unknown>> | undefined
type HeadWriter = (this: NodeResponse, start: string, headers: Headers) => void

/** What Node writes the head of a response by, whichever way it came to that. It has no public name. */
const storeHeader: HeadWriter = Reflect.get(ServerResponse.prototype, '_storeHeader')

/** Fields of which a response may have several, which mean the same as one with all values; a value is stated once. */
const listed = new Set(['link', 'vary'])
/** Fields that are left out where the response has one of its own. */
const defaults = new Set(['cache-control'])

const policyName = 'content-security-policy'

/** The fields of every response of a server, ready to be written. */
export type ConstantFields = {
  /** Names and values in turn. */
  readonly fields: readonly string[]
  /** As lines. */
  readonly text: string
  readonly textWithoutPolicy: string
}

/** Those for browsers, and over TLS what `Strict-Transport-Security` says, if anything (RFC 6797, 7.1). */
export function constantFieldsOf(hsts = ''): ConstantFields {
  const fields = hsts === '' ? securityFields : [...securityFields, 'strict-transport-security', hsts]
  const withoutPolicy = fields.filter((_, i) => fields[i - (i % 2)] !== policyName)
  return { fields, text: textOf(fields), textWithoutPolicy: textOf(withoutPolicy) }
}

/** Those of a server without TLS. */
export const withoutTls = constantFieldsOf()

const none: readonly string[] = []

/**
 * A response that has the fields for all responses, and those of the guard, whatever else it is: it adds them where Node writes the
 * head, behind the status line, so that neither the fast path nor the framework nor a forwarded response can lose them. They cost a
 * concatenation; as fields of each response they would be examined and copied.
 */
export class GuardedResponse<
  Request extends IncomingMessage = IncomingMessage,
> extends ServerResponse<Request> {
  /** Field names in lower case and values in turn, but those of the framing. In a forwarded response they replace others of their names. */
  fields: readonly string[] = none

  get constantFields(): ConstantFields {
    return withoutTls
  }

  _storeHeader(start: string, headers: Headers): void {
    const { text, textWithoutPolicy } = this.constantFields
    const security = hasPolicy(headers) ? textWithoutPolicy : text
    const { fields } = this
    if (fields === none) {
      storeHeader.call(this, start + security, headers)
      return
    }
    const others = Array.isArray(headers) ? without(headers, fields) : headers
    storeHeader.call(this, start + security + textOf(fields, headers), others)
  }
}

/** The class of the responses of a server with these fields. */
export function responseClassOf(constantFields: ConstantFields) {
  return class<Request extends IncomingMessage = IncomingMessage> extends GuardedResponse<Request> {
    override get constantFields(): ConstantFields {
      return constantFields
    }
  }
}

/** All fields of a response, names in lower case and values in turn, for what writes a head in another form than lines. */
export function allFieldsOf({ constantFields, fields }: GuardedResponse, headers: Headers): string[] {
  const own: string[] = []
  const all = [...constantFields.fields, ...fields]
  for (let i = 0; i < all.length; i += 2) {
    const [name = '', value = ''] = [all[i], all[i + 1]]
    const isLeftOut = name === policyName ? hasPolicy(headers) : isStated(headers, name, value)
    if (!isLeftOut) own.push(name, value)
  }
  return [...own, ...without(Array.isArray(headers) ? headers : listOf(headers), fields)]
}

function listOf(headers: Readonly<Record<string, unknown>> = {}): string[] {
  return Object.entries(headers).flatMap(([name, given]) => {
    const values: readonly unknown[] = Array.isArray(given) ? given : [given]
    return values.flatMap((value) => [name, String(value)])
  })
}

/** Adds fields to a response whose head has not been written. */
export function addFields(response: NodeResponse, fields: readonly string[]): void {
  if (fields.length === 0) return
  if (!(response instanceof GuardedResponse)) throw new TypeError('The response has no place for fields.')
  for (let i = 0; i < fields.length; i += 2) validateHeaderValue(fields[i] ?? '', fields[i + 1] ?? '')
  response.fields = response.fields === none ? fields : [...response.fields, ...fields]
}

/**
 * Drops the guard's fields about limits from a response whose head has not been written: another limit has refused the request, and it is
 * that one's that the client needs.
 */
export function dropLimitFields(response: NodeResponse): void {
  if (!(response instanceof GuardedResponse)) return
  const { fields } = response
  const kept = fields.filter((_, i) => !fields[i - (i % 2)]?.startsWith('ratelimit'))
  if (kept.length < fields.length) response.fields = kept
}

function hasPolicy(headers: Headers): boolean {
  return !Array.isArray(headers) && headers?.[policyName] !== undefined
}

function has(headers: Headers, name: string): boolean {
  if (!Array.isArray(headers)) return headers?.[name] !== undefined
  return headers.some((other, i) => i % 2 === 0 && other.toLowerCase() === name)
}

/** Without those that the guard states itself. */
function without(headers: string[], fields: readonly string[]): string[] {
  let lengths = 0
  for (let i = 0; i < fields.length; i += 2) lengths |= lengthBit(fields[i])
  const isOwn = (name = '') => (lengthBit(name) & lengths) !== 0 && isReplaced(name.toLowerCase(), fields)
  for (let i = 0; i < headers.length; i += 2)
    if (isOwn(headers[i])) return headers.filter((_, at) => !isOwn(headers[at - (at % 2)]))
  return headers
}

/** Names of other lengths, which are most, need not be compared. */
function lengthBit(name = ''): number {
  return 1 << (name.length & 31)
}

function isReplaced(name: string, fields: readonly string[]): boolean {
  if (listed.has(name) || defaults.has(name)) return false
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return true
  return false
}

/** Whether a response has a list with this value, as one of a service behind a gateway may. */
function lists(headers: Headers, name: string, value: string): boolean {
  const texts = Array.isArray(headers)
    ? headers.filter((_, i) => i % 2 === 1 && headers[i - 1]?.toLowerCase() === name)
    : [headers?.[name] ?? []].flat().map(String)
  const values = texts.flatMap((text) => text.toLowerCase().split(',')).map((one) => one.trim())
  return values.includes(value.toLowerCase())
}

/** Whether a response states a default of its own, or has a list with this value. */
function isStated(headers: Headers, name: string, value: string): boolean {
  return listed.has(name) ? lists(headers, name, value) : defaults.has(name) && has(headers, name)
}

/** As lines, without the defaults that the response has of its own, and without what its lists have already. */
function textOf(fields: readonly string[], headers?: Headers): string {
  let text = ''
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? ''
    const value = fields[i + 1] ?? ''
    if (!isStated(headers, name, value)) text += `${name}: ${value}\r\n`
  }
  return text
}
