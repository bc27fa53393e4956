import type { Selectable } from 'kysely'
import type { Clock } from '../../clock/index.ts'
import type { Statement } from '../../database/index.ts'
import { createDeadLetterAdmin } from '../dead-letters.ts'
import type { DeadLetterStore } from '../dead-letters.ts'
import { listMax, liveQueueOf } from '../port.ts'
import type { DeadLetter, Message, QueueAdmin, StoredMessage } from '../port.ts'
import { publishStatement } from './publish-statement.ts'
import type { QueueTables } from './statements.ts'
import type { SqliteStorage } from './storage.ts'

const pageMax = 1_000
const unlimited = Number.MAX_SAFE_INTEGER

type Row = Selectable<QueueTables['message']>
type Letter = DeadLetter & { readonly row: number }

type AdminParts = {
  readonly storage: SqliteStorage
  readonly clock: Clock
  /** Of leases and pauses. */
  readonly queueClock: Clock
  readonly wake: (queue: string) => void
}

export function createSqliteAdmin(parts: AdminParts): Omit<QueueAdmin, 'close'> {
  const { storage, clock, queueClock, wake } = parts
  const { database, statements } = storage
  const stored = (row: Row) => storedMessageOf(row, queueClock.now())

  async function depth(queue: string): Promise<number> {
    const [row] = await database.read(statements.depth({ queue }))
    return row?.depth ?? 0
  }

  /** Removes messages of which this process has read the rows; resolves to how many were still there. */
  async function removeAll(queue: string, rows: readonly Pick<Row, 'id'>[]): Promise<number> {
    const outcomes = await Promise.all(rows.map((row) => database.commit([removal(storage, row)])))
    wake(queue)
    return outcomes.filter(({ failedStatement }) => failedStatement === undefined).length
  }

  return {
    depth,
    ...createDeadLetterAdmin(createStore(parts, depth)),

    async queues() {
      const now = clock.now()
      const rows = await database.read(statements.queues({}))
      return rows.map(({ name, depth, oldest_at }) => ({
        name,
        depth,
        oldestAgeMs: Math.max(0, now - (oldest_at ?? now)),
      }))
    },

    async oldestAgeMs(queue) {
      const [row] = await database.read(statements.oldest({ queue }))
      return row?.at == null ? 0 : Math.max(0, clock.now() - row.at)
    },

    async list(queue, { limit = 100, after = 0, reason } = {}) {
      const page = { queue, after, limit: Math.min(limit, listMax) }
      const rows = await database.read(
        reason === undefined ? statements.list(page) : statements.listOfReason({ ...page, reason }),
      )
      return rows.map(stored)
    },

    async find(queue, ids) {
      const rows = await database.read(statements.find({ queue, ids: JSON.stringify(ids) }))
      return rows.map(stored)
    },

    /** Page by page, what the queue holds now. */
    async purge(queue) {
      let count = 0
      for (let left = await depth(queue); left > 0; left -= pageMax) {
        const page = { queue, after: 0, limit: Math.min(left, pageMax) }
        count += await removeAll(queue, await database.read(statements.letters(page)))
      }
      return count
    },

    async dropWaiting(queue, id) {
      return removeAll(queue, await database.read(statements.find({ queue, ids: JSON.stringify([id]) })))
    },
  }
}

function createStore(
  { storage, clock, wake }: AdminParts,
  depth: (queue: string) => Promise<number>,
): DeadLetterStore<Letter> {
  const { database, statements } = storage

  const find = (queue: string, letters: readonly Pick<Letter, 'id'>[]) =>
    database.read(statements.find({ queue, ids: JSON.stringify(letters.map(({ id }) => id)) }))

  async function readAll(deadQueue: string, visit: (letter: Letter) => boolean): Promise<void> {
    for (let after = 0; ; ) {
      const rows = await database.read(statements.letters({ queue: deadQueue, after, limit: pageMax }))
      for (const row of rows) if (!visit(letterOf(row))) return
      if (rows.length < pageMax) return
      after = rows.at(-1)?.id ?? after
    }
  }

  async function readSome(deadQueue: string, ids: readonly string[]): Promise<Letter[]> {
    const letters: Letter[] = []
    for (let at = 0; at < ids.length; at += pageMax) {
      const some = ids.slice(at, at + pageMax).map((id) => ({ id }))
      letters.push(...(await find(deadQueue, some)).map(letterOf))
    }
    return letters.sort((one, other) => one.row - other.row)
  }

  return {
    depth,

    async scan(deadQueue, ids, visit) {
      if (ids === undefined) await readAll(deadQueue, visit)
      else for (const letter of await readSome(deadQueue, [...ids])) if (!visit(letter)) return
    },

    async replay(deadQueue, letters, move) {
      const queue = liveQueueOf(deadQueue)
      for await (const batch of move.batches(letters, pageMax)) {
        const chosen = new Set(batch.map(({ row }) => row))
        const rows = (await find(deadQueue, batch)).filter(({ id }) => chosen.has(id))
        const outcomes = await Promise.all(
          rows.map((row) =>
            database.commit([
              removal(storage, row),
              publishStatement(storage, clock, { queue, message: messageOf(row), limit: unlimited }),
            ]),
          ),
        )
        wake(queue)
        move.moved(rows.filter((_, i) => outcomes[i]?.failedStatement === undefined).map(letterOf))
      }
    },

    async remove(_, letters, move) {
      for await (const batch of move.batches(letters, pageMax)) {
        const outcomes = await Promise.all(
          batch.map(({ row }) => database.commit([removal(storage, { id: row })])),
        )
        move.moved(batch.filter((_, i) => outcomes[i]?.failedStatement === undefined))
      }
    },
  }
}

/** Fails its unit when the message is gone already. */
function removal({ statements }: SqliteStorage, { id }: Pick<Row, 'id'>): Statement {
  return { ...statements.remove({ id }), mustAffectRows: true }
}

function letterOf({
  id,
  message_id,
  reason,
  failed_at,
}: Pick<Row, 'id' | 'message_id' | 'reason' | 'failed_at'>): Letter {
  return { row: id, id: message_id, reason: reason ?? '', ...(failed_at !== null && { failedAt: failed_at }) }
}

function messageOf(row: Row): Message {
  return {
    id: row.message_id,
    key: row.key ?? '',
    body: row.body,
    ...(row.headers !== null && { headers: JSON.parse(row.headers) }),
  }
}

function storedMessageOf(row: Row, now: number): StoredMessage {
  return {
    position: row.id,
    ...messageOf(row),
    attempts: row.attempts,
    publishedAt: row.published_at,
    ...(row.visible_at !== null && { state: stateOf(row.visible_at, now) }),
    ...(row.failed_at !== null && { failedAt: row.failed_at }),
    ...(row.reason !== null && { reason: row.reason }),
  }
}

function stateOf(visibleAt: number, now: number): NonNullable<StoredMessage['state']> {
  if (visibleAt < 0) return 'behind another'
  return visibleAt > now ? 'held or paused' : 'ready'
}
