import type { FastifyReply, FastifyRequest } from 'fastify'
import { AppError, invalid } from '../errors/index.ts'

/** What a condition names: any representation, or those with these entity tags. */
type EntityTags = '*' | readonly string[]

/** A representation by its entity tag; that of a collection has none. */
export type Representation = { readonly etag?: string }

/** The strong validator of a row: its version, which every change raises (RFC 9110, 8.8.3). */
export function etagOf(version: number): string {
  return `"${version}"`
}

/** `If-Match`; undefined without it. Refuses a malformed one. */
export function parseIfMatch(request: FastifyRequest): EntityTags | undefined {
  return parseCondition('If-Match', request.headers['if-match'])
}

/** `If-None-Match` in the same way. */
export function parseIfNoneMatch(request: FastifyRequest): EntityTags | undefined {
  return parseCondition('If-None-Match', request.headers['if-none-match'])
}

/** Whether `If-Match` names a representation, by strong comparison (RFC 9110, 13.1.1); undefined stands for none. */
function matchesStrongly(tags: EntityTags, current: Representation | undefined): boolean {
  if (tags === '*') return current !== undefined
  return current?.etag !== undefined && !current.etag.startsWith('W/') && tags.includes(current.etag)
}

/** Whether `If-None-Match` names a representation, by weak comparison (RFC 9110, 13.1.2); undefined stands for none. */
function matchesWeakly(tags: EntityTags, current: Representation | undefined): boolean {
  if (tags === '*') return current !== undefined
  const etag = current?.etag && opaqueTag(current.etag)
  return etag !== undefined && tags.some((tag) => opaqueTag(tag) === etag)
}

/**
 * Throws 412 unless the conditions of a request hold for the current representation of its target, undefined for none, in the
 * order of RFC 9110, 13.2.2. To be called right before the change. `noun` is the name of the target in errors.
 */
export function requireConditions(
  request: FastifyRequest,
  current: Representation | undefined,
  noun?: string,
): void {
  const ifMatch = parseIfMatch(request)
  if (ifMatch !== undefined && !matchesStrongly(ifMatch, current)) throw versionMismatch(noun)
  const ifNoneMatch = parseIfNoneMatch(request)
  if (ifNoneMatch !== undefined && matchesWeakly(ifNoneMatch, current)) throw versionMatch(noun)
}

/** Whether a request has any condition. */
export function isConditional({ headers }: FastifyRequest): boolean {
  return headers['if-match'] !== undefined || headers['if-none-match'] !== undefined
}

/**
 * Whether a GET or HEAD gets 304, because `If-None-Match` names the current representation. Throws 412 if there is an `If-Match`
 * that does not name it. A malformed `If-None-Match` names nothing.
 */
export function isUnchanged(request: FastifyRequest, current: Representation): boolean {
  const ifMatch = parseIfMatch(request)
  if (ifMatch !== undefined && !matchesStrongly(ifMatch, current)) throw versionMismatch()
  const ifNoneMatch = entityTagsIn(request.headers['if-none-match'] ?? '')
  return ifNoneMatch !== undefined && matchesWeakly(ifNoneMatch, current)
}

/**
 * Applies the conditions of a GET or HEAD to its response with status 200, with or without an ETag, as `isUnchanged` does. Returns
 * the payload to send.
 */
export function applyConditions(request: FastifyRequest, reply: FastifyReply, payload: unknown): unknown {
  if (reply.statusCode !== 200 || !isRead(request.method)) return payload
  const etag = reply.getHeader('etag')
  if (!isUnchanged(request, typeof etag === 'string' ? { etag } : {})) return payload
  reply.code(304).removeHeader('content-type')
  // The length in response to HEAD is that of GET (RFC 9110, 8.6): the framework measures what it does not send.
  return request.method === 'HEAD' ? payload : null
}

function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

export function versionMismatch(noun = 'resource'): AppError {
  return new AppError('precondition_failed', `The ${noun} has another version than If-Match names.`)
}

function versionMatch(noun = 'resource'): AppError {
  return new AppError('precondition_failed', `The ${noun} has a version that If-None-Match names.`)
}

function parseCondition(name: string, field: string | undefined): EntityTags | undefined {
  if (field === undefined) return undefined
  const tags = entityTagsIn(field)
  if (tags === undefined)
    throw invalid({ [name]: `${name} must be * or a list of entity tags in double quotes.` })
  return tags
}

/** Empty members are ignored, and commas may stand within a tag (RFC 9110, 5.6.1.2 and 8.8.3). Undefined for a malformed list. */
function entityTagsIn(field: string): EntityTags | undefined {
  if (field.trim() === '*') return '*'
  const tags: string[] = []
  let isBetween = true
  for (let at = 0; at < field.length; ) {
    const character = field[at]
    if (character === ',' || character === ' ' || character === '\t') {
      isBetween ||= character === ','
      at += 1
      continue
    }
    const tag = isBetween ? entityTagAt(field, at) : undefined
    if (tag === undefined) return undefined
    tags.push(tag)
    at += tag.length
    isBetween = false
  }
  return tags
}

function entityTagAt(field: string, start: number): string | undefined {
  const open = field.startsWith('W/', start) ? start + 2 : start
  const close = field[open] === '"' ? field.indexOf('"', open + 1) : -1
  return close > 0 && tagText.test(field.slice(open + 1, close)) ? field.slice(start, close + 1) : undefined
}

function opaqueTag(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag
}

const tagText = /^[\x21\x23-\x7e\x80-\xff]*$/
