import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib'
import { AppError } from '@quintet/chassis/errors'
import type { Item, Key } from './connection.ts'
import type { Account, Position } from '../order.ts'

/** The maximum size of an item (Amazon DynamoDB Developer Guide, quotas), less room for keys and attribute names. */
const itemBytesMax = 400_000
const partBytesMax = 250_000
/** Longer texts are compressed; shorter ones stay readable in the console of AWS. */
const plainBytesMax = 16_384
const digits = 16

/** The item that counts account ids. */
export const counterKey: Key = { pk: 'COUNTER', sk: 'ACCOUNT' }

/** A sort key of these parts, in which numbers sort numerically; without parts, a key after all others of the kind. */
export function sortKey(kind: string, ...parts: readonly (string | number)[]): string {
  if (parts.length === 0) return `${kind}#~`
  return [kind, ...parts.map((part) => (typeof part === 'number' ? padded(part) : part))].join('#')
}

/** No order has a negative time; the start of a range may, and is clamped to 0. */
function padded(number: number): string {
  return String(Math.max(number, 0)).padStart(digits, '0')
}

export function partitionOf(accountId: number): string {
  return `ACCOUNT#${accountId}`
}

export function accountKey(id: number): Key {
  return { pk: partitionOf(id), sk: 'ACCOUNT' }
}

export function accountItem(account: Account): Item {
  const { id, owner, cash, version, sequence, lastTimestampMs, checkpoint, positions } = account
  const { pk, sk } = accountKey(id)
  return {
    pk: { S: pk },
    sk: { S: sk },
    ...(owner !== null && { owner: { S: owner } }),
    cash: { N: String(cash) },
    version: { N: String(version) },
    sequence: { N: String(sequence) },
    ...(lastTimestampMs !== undefined && { last_timestamp: { N: String(lastTimestampMs) } }),
    ...(checkpoint !== undefined && { checkpoint: { N: String(checkpoint) } }),
    positions: {
      M: Object.fromEntries(Array.from(positions, ([issuer, one]) => [issuer, positionItem(one)])),
    },
  }
}

export function accountOf(id: number, item: Item): Account {
  const positions = Object.entries(item.positions?.M ?? {}).map(
    ([issuer, { M: one = {} }]): [string, Position] => [
      issuer,
      {
        shares: BigInt(one.shares?.N ?? 0),
        price: BigInt(one.price?.N ?? 0),
        cost: BigInt(one.cost?.N ?? 0),
        since: Number(one.since?.N),
      },
    ],
  )
  const last = item.last_timestamp?.N
  const checkpoint = item.checkpoint?.N
  return {
    id,
    owner: item.owner?.S ?? null,
    cash: BigInt(item.cash?.N ?? 0),
    version: Number(item.version?.N),
    sequence: Number(item.sequence?.N),
    lastTimestampMs: last === undefined ? undefined : Number(last),
    checkpoint: checkpoint === undefined ? undefined : Number(checkpoint),
    positions: new Map(positions.sort(([, one], [, other]) => one.since - other.since)),
  }
}

function positionItem({ shares, price, cost, since }: Position) {
  return {
    M: {
      shares: { N: String(shares) },
      price: { N: String(price) },
      cost: { N: String(cost) },
      since: { N: String(since) },
    },
  }
}

/**
 * Packs rows into as few items as possible, each keyed by its last sequence, so that the first item whose key is not below a
 * sequence has the row of that sequence.
 */
export function packInParts<Row extends { readonly sequence: number }>(
  pk: string,
  kind: string,
  rows: readonly Row[],
): Item[] {
  const parts: { texts: string[]; bytes: number; last: number }[] = []
  for (const row of rows) {
    const text = JSON.stringify(row)
    const bytes = Buffer.byteLength(text) + 1
    const part = parts.at(-1)
    if (part !== undefined && part.bytes + bytes <= partBytesMax) {
      part.texts.push(text)
      part.bytes += bytes
      part.last = row.sequence
    } else parts.push({ texts: [text], bytes, last: row.sequence })
  }
  return parts.map(({ texts, last }) => ({
    pk: { S: pk },
    sk: { S: sortKey(kind, last) },
    rows: packed(`[${texts.join(',')}]`),
  }))
}

/** The rows of an item that `packInParts` made. */
export function unpack<Row>(item: Item): Row[] {
  return unpackWeighed<Row>(item).rows
}

/** The same, with what each of them takes of the item, which may hold balances of many positions. */
export function unpackWeighed<Row>({ rows: attribute }: Item): { rows: Row[]; bytesPerRow: number } {
  const text = textOf(attribute)
  const rows: Row[] = JSON.parse(text)
  return { rows, bytesPerRow: Math.ceil(text.length / rows.length) }
}

/** A text as an attribute, compressed if it is long. */
export function packed(text: string): Item[string] {
  if (Buffer.byteLength(text) <= plainBytesMax) return { S: text }
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: 5,
    [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
  }
  const bytes = brotliCompressSync(text, { params })
  if (bytes.length > itemBytesMax)
    throw new AppError(
      'body_too_large',
      'The request exceeds the maximum size of an item; send fewer orders at once.',
    )
  return { B: bytes }
}

export function textOf(attribute: Item[string] | undefined): string {
  return attribute?.B === undefined ? (attribute?.S ?? '') : brotliDecompressSync(attribute.B).toString()
}

/** The size of an attribute, at least. */
export function bytesOf({ S, N, B, M }: Item[string]): number {
  if (M === undefined) return Buffer.byteLength(S ?? N ?? '') + (B?.length ?? 0)
  return Object.entries(M).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + bytesOf(value) + 3,
    0,
  )
}
