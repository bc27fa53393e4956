import type { FastifyRequest } from 'fastify'
import { AppError } from '../errors/index.ts'
import { nameAndValue, splitOutsideQuotes } from './lists.ts'
import { jsonType } from './representation.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The media types that a route sends besides JSON. */
    mediaTypes?: readonly string[]
  }
}

/** All routes send JSON, except the documentation pages, `/`, and the metrics. */
const otherThanJson = /^\/($|(docs|metrics)(\/|$))/
const problemJsonType = 'application/problem+json; charset=utf-8'

/** The 406 of a request whose `Accept` excludes what the route sends; undefined for any other. */
export function notAcceptable(request: FastifyRequest): AppError | undefined {
  const { accept } = request.headers
  if (acceptsAtOnce(accept) || qualityOf(accept, jsonType) > 0) return undefined
  if (otherThanJson.test(request.routeOptions.url ?? '')) return undefined
  const others = request.routeOptions.config?.mediaTypes ?? []
  if (others.some((type) => qualityOf(accept, type) > 0)) return undefined
  return new AppError(
    'not_acceptable',
    'This service sends application/json only; the Accept header excludes it.',
  )
}

/** Whether `Accept` is one of those that nearly all requests have, and which accept JSON. */
export function acceptsAtOnce(accept: string | undefined): accept is '*/*' | 'application/json' | undefined {
  return accept === undefined || accept === '*/*' || accept === 'application/json'
}

/** The media type for a problem document: its own, unless the client prefers plain JSON (RFC 9457, 3). */
export function problemType({ headers: { accept } }: FastifyRequest): string {
  if (accept === undefined || accept === '*/*') return problemJsonType
  return qualityOf(accept, jsonType) > qualityOf(accept, problemJsonType) ? jsonType : problemJsonType
}

/**
 * The quality of a media type under an Accept field, from 0 to 1: that of the most specific range that matches (RFC 9110, 12.5.1).
 * Parameters that the type does not have are ignored, since any JSON is the better response than none, unless they are excluded. An empty field, or a
 * weight that is no number, expresses no preference.
 */
export function qualityOf(accept: string, type: string): number {
  const [essence = '', charset] = splitOutsideQuotes(type, ';')
  const ranks = new Map([
    ['*', 1],
    ['*/*', 1],
    [`${essence.split('/', 1)[0]}/*`, 2],
    [essence, 3],
  ])
  let best = { rank: 0, quality: 0 }
  const ranges = splitOutsideQuotes(accept, ',').filter((range) => range !== '')
  for (const range of ranges) {
    const [name = '', ...parameters] = splitOutsideQuotes(range, ';').map((part) => part.toLowerCase())
    const rank = ranks.get(name)
    if (rank === undefined) continue
    const quality = weightOf(parameters)
    const own = parameters.filter((parameter) => nameAndValue(parameter)[0] !== 'q')
    const isExact = own.every((parameter) => parameter.replaceAll('"', '') === charset)
    if (!isExact && quality === 0) continue
    const exactRank = isExact && own.length > 0 ? rank + 1 : rank
    if (exactRank > best.rank || (exactRank === best.rank && quality > best.quality))
      best = { rank: exactRank, quality }
  }
  return ranges.length === 0 ? 1 : best.quality
}

function weightOf(parameters: readonly string[]): number {
  const weight = parameters.map(nameAndValue).find(([name]) => name === 'q')?.[1]
  const quality = weight === undefined || weight === '' ? 1 : Number(weight)
  return quality >= 0 && quality <= 1 ? quality : 1
}
