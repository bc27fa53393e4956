import type { RegisterResult } from '../checkers/register.ts'
import type { Random } from '../run/random.ts'
import type { GuidKey } from './guid-keys.ts'
import { membersOf } from './http-client.ts'
import type { Reply, Request } from './http-client.ts'

/** What a client does with a GUID. `expire` is in seconds of Unix time. */
export type GuidCall =
  | { readonly f: 'read'; readonly ifNoneMatch?: string }
  | {
      readonly f: 'create'
      readonly value: string
      readonly expire?: number
      readonly idempotencyKey?: string
    }
  | { readonly f: 'update'; readonly value: string; readonly expire?: number; readonly ifMatch?: string }
  | { readonly f: 'delete'; readonly ifMatch?: string }

/** All that is drawn for an operation, the same numbers whatever the responses before it were. */
type GuidDraw = {
  readonly slot: number
  readonly kind: number
  readonly condition: number
  readonly age: number
  readonly seconds: number
  readonly repetition: number
  readonly idempotencyKey: string
}

export function drawGuid(random: Random, slots: number): GuidDraw {
  return {
    slot: random.integer(slots),
    kind: random.fraction(),
    condition: random.fraction(),
    age: random.integer(4),
    seconds: 1 + random.integer(3),
    repetition: random.fraction(),
    idempotencyKey: random.hex(),
  }
}

/**
 * Reads and changes are conditional half of the time, mostly under the newest version known, otherwise under an older one, also
 * of a content that was deleted. Half of the creations have an idempotency key.
 */
export function callOf(key: GuidKey, drawn: GuidDraw, value: string, unixMs: number): GuidCall {
  const { kind, condition, age, seconds, repetition, idempotencyKey } = drawn
  const version = condition < 0.5 ? undefined : key.versions.at(condition < 0.8 ? -1 : -1 - age)
  const ifMatch = version === undefined ? {} : { ifMatch: version }
  const expire = key.isExpiring ? { expire: Math.floor(unixMs / 1_000) + 1 + seconds } : {}
  if (kind < 0.45) return { f: 'read', ...(version !== undefined && { ifNoneMatch: version }) }
  if (kind < 0.68) return { f: 'create', value, ...expire, ...(repetition < 0.5 && { idempotencyKey }) }
  if (kind < 0.93) return { f: 'update', value, ...(repetition < 0.3 && expire), ...ifMatch }
  return { f: 'delete', ...ifMatch }
}

const methods = { read: 'GET', create: 'POST', update: 'PATCH', delete: 'DELETE' } as const

export function requestOf(url: string, call: GuidCall): Request {
  const quoted = (version: string) => `"${version}"`
  const headers = {
    ...('ifMatch' in call && { 'if-match': quoted(call.ifMatch) }),
    ...('ifNoneMatch' in call && { 'if-none-match': quoted(call.ifNoneMatch) }),
    ...('idempotencyKey' in call && { 'idempotency-key': call.idempotencyKey }),
  }
  const expire = 'expire' in call ? { expire: call.expire } : {}
  const body = 'value' in call ? { body: { user: call.value, ...expire } } : {}
  return { method: methods[call.f], url, headers, ...body }
}

/** What the response says; undefined for one that the documentation does not allow. `atSecond` is when a second begins. */
export function resultOf(
  f: GuidCall['f'],
  key: GuidKey,
  reply: Reply,
  atSecond: (second: number) => number,
): RegisterResult | undefined {
  if (typeof reply === 'string') return undefined
  const { status, etag: version } = reply
  if (status === 404 && f !== 'create') return { kind: 'absent' }
  if (status === 412 && (f === 'update' || f === 'delete')) return { kind: 'mismatch' }
  if (status === 409 && f === 'create') return { kind: 'exists' }
  if (status === 204 && f === 'delete') return { kind: 'written' }
  if (version === undefined) return undefined
  if (status === 304 && f === 'read') return { kind: 'not modified', version }
  if (status !== (f === 'create' ? 201 : 200)) return undefined
  if (f !== 'read') return { kind: 'written', version }
  const { user, expire } = membersOf(reply)
  return {
    kind: 'found',
    value: String(user),
    version,
    ...(key.isExpiring && { expiresAt: atSecond(Number(expire)) }),
  }
}
