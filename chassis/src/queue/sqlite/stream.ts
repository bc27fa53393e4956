import { sql } from 'kysely'
import type { Kysely, RawBuilder } from 'kysely'
import type { Clock } from '../../clock/index.ts'
import { prepareQuery, prepareUntilSum } from '../../database/index.ts'
import type { Database, Placeholders } from '../../database/index.ts'
import { UnknownPosition } from '../port.ts'
import type { EventStream, Message, StreamMessage } from '../port.ts'

/**
 * Messages that were appended together, as few rows: streams are written far more often than they are read. A row without messages
 * ends a gap in the positions, which a restore has made.
 */
export type StreamTables = {
  chunk: { stream: string; first: number; count: number; messages: string; appended_at: number }
}

const keptMaxDefault = 100_000
/** A chunk ends with the message with which it has this many bytes, since it is read as a whole. */
const chunkBytesMax = 65_536

/** Streams in an SQLite file, as chunks in the order of appending; old chunks are deleted. */
export function createSqliteStreams(
  database: Database<StreamTables>,
  clock: Clock,
): Pick<EventStream, 'append' | 'readStream'> {
  const statements = prepareStatements(database.query)

  /** Rejects for a position behind the last message, or in a gap; one before the oldest message was that of a message. */
  async function requirePosition(stream: string, after: number): Promise<void> {
    const [chunk] = await database.read(statements.place({ stream, after }))
    if (chunk === undefined) {
      const [oldest] = await database.read(statements.oldest({ stream }))
      if (oldest === undefined || oldest.count === 0) throw new UnknownPosition(0)
    } else if (after >= chunk.end) throw new UnknownPosition(chunk.end - 1)
  }

  return {
    async append(stream, messages, { keptMax = keptMaxDefault } = {}) {
      if (messages.length === 0) return
      const at = clock.now()
      const chunks = chunksOf(messages).map((chunk) => statements.append({ stream, at, ...chunk }))
      await database.commit([...chunks, statements.trim({ stream, kept: keptMax })])
    },
    async readStream(stream, { after = 0, limit = 100 } = {}) {
      const chunks = await database.read(statements.read({ stream, after, reaches: limit }))
      const found = chunks
        .flatMap(({ first, messages, appended_at }) => messagesOf(first, messages, appended_at))
        .filter(({ position }) => position > after)
        .slice(0, limit)
      if (after > 0 && found[0]?.position !== after + 1) await requirePosition(stream, after)
      return found
    },
  }
}

function chunksOf(messages: readonly Message[]): { count: number; messages: string }[] {
  const chunks: string[][] = []
  let bytes = chunkBytesMax
  for (const message of messages) {
    if (bytes >= chunkBytesMax) {
      chunks.push([])
      bytes = 0
    }
    const text = JSON.stringify(message)
    chunks.at(-1)?.push(text)
    bytes += Buffer.byteLength(text)
  }
  return chunks.map((texts) => ({ count: texts.length, messages: `[${texts.join(',')}]` }))
}

function messagesOf(first: number, messages: string, appendedAt: number): StreamMessage[] {
  const parsed: Message[] = JSON.parse(messages)
  return parsed.map((message, i) => ({ ...message, position: first + i, appendedAt }))
}

type Named = { stream: string }

function prepareStatements(db: Kysely<StreamTables>) {
  const end = (p: Placeholders<Named>) =>
    db
      .selectFrom('chunk')
      // A row without messages takes one position, so that the next row has another key.
      .select(sql<number>`first + max(count, 1)`.as('end'))
      .where('stream', '=', p.stream)
      .orderBy('first', 'desc')
      .limit(1)
  /** The chunk with the message at this position, or the last one before it. */
  const chunkAt = (p: Placeholders<Named>, position: RawBuilder<number>) =>
    db
      .selectFrom('chunk')
      .select('first')
      .where('stream', '=', p.stream)
      .where('first', '<=', position)
      .orderBy('first', 'desc')
      .limit(1)
  /** Where the newest gap among the messages to keep ends: what is before it is kept until there are enough messages behind it. */
  const gapEnd = (p: Placeholders<Named & { kept: number }>) =>
    db
      .selectFrom('chunk')
      .select((row) => row.fn.max('first').as('first'))
      .where('stream', '=', p.stream)
      .where('count', '=', sql.lit(0))
      .where('first', '>=', sql<number>`${end(p)} - ${p.kept}`)
  return {
    oldest: prepareQuery((p: Placeholders<Named>) =>
      db.selectFrom('chunk').select('count').where('stream', '=', p.stream).orderBy('first').limit(1),
    ),
    /** The end of the chunk that has the message at a position or behind it, or of the last one before. */
    place: prepareQuery((p: Placeholders<Named & { after: number }>) =>
      db
        .selectFrom('chunk')
        .select((row) => row('first', '+', row.ref('count')).as('end'))
        .where('stream', '=', p.stream)
        .where('first', '<=', sql<number>`${p.after} + 1`)
        .orderBy('first', 'desc')
        .limit(1),
    ),
    append: prepareQuery((p: Placeholders<Named & { count: number; messages: string; at: number }>) =>
      db
        .insertInto('chunk')
        .columns(['stream', 'first', 'count', 'messages', 'appended_at'])
        .expression(sql`select ${p.stream}, coalesce(${end(p)}, 1), ${p.count}, ${p.messages}, ${p.at}`),
    ),
    // Deletes chunks that hold none of the messages to keep.
    trim: prepareQuery((p: Placeholders<Named & { kept: number }>) =>
      db
        .deleteFrom('chunk')
        .where('stream', '=', p.stream)
        .where('first', '<', sql<number>`${end(p)} - ${p.kept}`)
        .where((row) => row(row('first', '+', row.ref('count')), '<=', sql<number>`${end(p)} - ${p.kept}`))
        .where('first', '>=', sql<number>`coalesce(${gapEnd(p)}, 0)`),
    ),
    /** The chunks that have the next messages, as many as `reaches`, and no chunk more. */
    read: prepareUntilSum(
      db,
      (p: Placeholders<Named & { after: number; reaches: number }>) =>
        db
          .selectFrom('chunk')
          .select(['first', 'messages', 'appended_at'])
          .select(sql<number>`min(count, first + count - 1 - ${p.after})`.as('found'))
          .where('stream', '=', p.stream)
          .where('count', '>', 0)
          // Found by the key, since open streams are read several times a second, and nearly always at their end.
          .where('first', '>=', sql<number>`coalesce(${chunkAt(p, sql`${p.after} + 1`)}, 0)`)
          .where((row) => row(row('first', '+', row.ref('count')), '>', sql<number>`${p.after} + 1`))
          .orderBy('first')
          .limit(p.reaches),
      { column: 'found', orderBy: ['first'] },
    ),
  }
}
