import { randomUUID, randomUUIDv7 } from 'node:crypto'
import type { Entry } from '@quintet/chassis/cache'
import type { Clock } from '@quintet/chassis/clock'
import { AppError, invalid } from '@quintet/chassis/errors'
import type { Owner } from '@quintet/chassis/guard'

/** A registered GUID. `guid` is 32 upper-case hexadecimal characters, `expire` Unix time in seconds. */
export type Guid = { guid: string; user: string; expire: number; version: number; owner: Owner }

const lifetimeSeconds = 30 * 24 * 3600
const expireMax = 253_402_300_799

/** 32 hexadecimal characters, or the dashed form of RFC 9562; upper or lower case. */
export const guidPattern = '^([0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})$'
const guidExpression = new RegExp(guidPattern)

/** The canonical form of a GUID in any notation, 32 upper-case hexadecimal characters; undefined for any other text. */
export function readGuid(notation: string): string | undefined {
  if (!guidExpression.test(notation)) return undefined
  return (notation.length === 32 ? notation : notation.replaceAll('-', '')).toUpperCase()
}

/** The canonical form of a GUID in any notation; refuses any other text. */
export function parseGuid(notation: string): string {
  const guid = readGuid(notation)
  if (guid !== undefined) return guid
  throw invalid({ guid: malformedGuid })
}

export const malformedGuid = 'guid must be 32 hexadecimal characters, or dashed as in RFC 9562.'

/** A new GUID: random, or for version 7 beginning with the time, so that new GUIDs sort after old ones. */
export function newGuid(version: '4' | '7'): string {
  return (version === '7' ? randomUUIDv7() : randomUUID()).replaceAll('-', '').toUpperCase()
}

/** The current Unix time in seconds. */
export function nowSeconds(clock: Clock): number {
  return Math.floor(clock.now() / 1000)
}

/** Unix seconds of a well-formed `expire`; 30 days from now when there is none. */
export function expireOf(given: string | number | undefined, nowMs: number): number {
  return given === undefined ? Math.floor(nowMs / 1000) + lifetimeSeconds : Number(given)
}

const notInFuture = 'Expire must be a future Unix timestamp.'

/** Why a well-formed `expire` is not valid; undefined if it is. */
export function expireError(expire: number, nowMs: number): string | undefined {
  if (expire * 1000 <= nowMs) return notInFuture
  return expire > expireMax ? `expire must be at most ${expireMax}.` : undefined
}

/** Refuses an expiry, where there is one, that is not valid any more. */
export function refuseExpired(expire: number | undefined, clock: Clock): void {
  const detail = expire === undefined ? undefined : expireError(expire, clock.now())
  if (detail !== undefined) throw invalid({ expire: detail })
}

/** The refusal of an expiry that has passed. */
export const expired = () => invalid({ expire: notInFuture })

/** The cache entry of a GUID: its expiry, and the text of the response after the notation, which differs by request. */
export function entryOf({ user, expire, version, owner }: Guid): Entry {
  return {
    version,
    owner,
    expiresAtMs: expire * 1000,
    text: `","user":${JSON.stringify(user)},"expire":"${expire}"}`,
  }
}

/** The text of a response, in the notation of the request. */
export function textOf(notation: string, entry: Entry): string {
  return `{"guid":"${notation}${entry.text}`
}

/**
 * Proposals for versions, integers, each larger than the one before and than `above`, a version that the database has: microseconds
 * of the clock, or the next number where the clock has not advanced so far. The database decides: a change takes at least the
 * version of its row plus one, and a registration is made only with a version larger than all that the GUID has had
 * (docs/decisions/0022). The clock only gives a start that a database restored from a backup has not given out.
 */
export function createVersions(clock: Clock): (above?: number) => number {
  let last = 0
  return (above = 0) => {
    // The clock of a database is estimated to fractions of a millisecond.
    last = Math.floor(Math.max(last + 1, above + 1, Math.min(clock.now() * 1000, proposalMax)))
    return last
  }
}

/** The year 2112, so that no clock, however wrong, uses up the numbers that are exact in JavaScript. */
const proposalMax = 2 ** 52 - 1

export const alreadyRegistered = () =>
  new AppError('conflict', 'GUID is already registered and has not expired.')
export const notFound = () => new AppError('not_found', 'GUID not found or has expired.')
export const notFoundToDelete = () => new AppError('not_found', 'GUID not found.')

/** What a resource is called when `If-Match` refuses its change. */
export const noun = 'GUID'
