import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib'
import { AppError } from '@quintet/chassis/errors'
import type { Item, Key } from './connection.ts'
import type { Account, Position } from '../order.ts'

/** What an item holds at most (Amazon DynamoDB Developer Guide, quotas), less what its keys and names take. */
const itemBytesMax = 400_000
const partBytesMax = 250_000
/** Short texts stay readable in the console; in long ones the same positions come again and again. */
const plainBytesMax = 16_384
const digits = 16

/**
 * A sort key of these parts, numbers in a form that sorts as they do; with the kind alone, what comes behind all of the kind.
 */
export function keyOf(kind: string, ...parts: readonly (string | number)[]): string {
  if (parts.length === 0) return `${kind}#~`
  return [kind, ...parts.map((part) => (typeof part === 'number' ? padded(part) : part))].join('#')
}

/** Times that lie before 1970 sort before all others, since no order has one. */
function padded(number: number): string {
  return String(Math.max(number, 0)).padStart(digits, '0')
}

export function accountItem({ pk, sk }: Key, account: Account): Item {
  const { cash, version, sequence, lastTimestampMs, positions } = account
  return {
    pk: { S: pk },
    sk: { S: sk },
    cash: { N: String(cash) },
    version: { N: String(version) },
    sequence: { N: String(sequence) },
    ...(lastTimestampMs !== undefined && { last_timestamp: { N: String(lastTimestampMs) } }),
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
  return {
    id,
    cash: BigInt(item.cash?.N ?? 0),
    version: Number(item.version?.N),
    sequence: Number(item.sequence?.N),
    lastTimestampMs: last === undefined ? undefined : Number(last),
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
 * Rows in as few items as they fit into, each under the last of its sequences, so that the first item from a sequence on is
 * the one that has it.
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
    const open = parts.at(-1)
    if (open !== undefined && open.bytes + bytes <= partBytesMax) {
      open.texts.push(text)
      open.bytes += bytes
      open.last = row.sequence
    } else parts.push({ texts: [text], bytes, last: row.sequence })
  }
  return parts.map(({ texts, last }) => ({
    pk: { S: pk },
    sk: { S: keyOf(kind, last) },
    rows: packed(`[${texts.join(',')}]`),
  }))
}

/** The rows of an item. */
export function unpack<Row>({ rows }: Item): Row[] {
  return JSON.parse(textOf(rows))
}

/** A text as an attribute, compressed where it is long. */
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
      'This is too much to be kept in one item; send fewer orders at once.',
    )
  return { B: bytes }
}

export function textOf(attribute: Item[string] | undefined): string {
  return attribute?.B === undefined ? (attribute?.S ?? '') : brotliDecompressSync(attribute.B).toString()
}

/** How much room an attribute takes, at least. */
export function bytesOf({ S, N, B, M }: Item[string]): number {
  if (M === undefined) return Buffer.byteLength(S ?? N ?? '') + (B?.length ?? 0)
  return Object.entries(M).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + bytesOf(value) + 3,
    0,
  )
}
