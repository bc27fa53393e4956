import type { Selectable } from 'kysely'
import type { Clock } from '../../clock/index.ts'
import type { Statement } from '../../database/index.ts'
import { listMax, liveQueueOf } from '../port.ts'
import type { QueueAdmin, StoredMessage, WorkQueue } from '../port.ts'
import { publishStatement } from './publish-statement.ts'
import type { QueueTables } from './statements.ts'
import type { SqliteStorage } from './storage.ts'

const pageMax = 1_000
const unlimited = Number.MAX_SAFE_INTEGER

type Row = Selectable<QueueTables['message']>

export function createSqliteAdmin({
  storage,
  clock,
  wake,
}: {
  storage: SqliteStorage
  clock: Clock
  wake: (queue: string) => void
}): Omit<QueueAdmin, 'close'> & Pick<WorkQueue, 'depth'> {
  const { database, statements } = storage

  async function depth(queue: string): Promise<number> {
    const [row] = await database.read(statements.depth({ queue }))
    return row?.depth ?? 0
  }

  /** Runs a unit for the message of this id, or for all that the queue holds now, page by page; resolves to their number. */
  async function forEach(queue: string, id: string | 'all', unitOf: (row: Row) => Statement[]) {
    let count = 0
    for (let left = id === 'all' ? await depth(queue) : 1; left > 0; left -= pageMax) {
      const rows = await database.read(
        id === 'all'
          ? statements.list({ queue, after: 0, limit: Math.min(left, pageMax) })
          : statements.find({ queue, message_id: id }),
      )
      const outcomes = await Promise.all(rows.map((row) => database.commit(unitOf(row))))
      count += outcomes.filter(({ failedStatement }) => failedStatement === undefined).length
    }
    return count
  }

  /** Fails its unit when the message is gone already. */
  const removeStatement = ({ id }: Row): Statement => ({ ...statements.remove({ id }), mustAffectRows: true })

  async function drop(queue: string, id: string | 'all'): Promise<number> {
    const count = await forEach(queue, id, (row) => [removeStatement(row)])
    wake(queue)
    return count
  }

  return {
    depth,

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

    async list(queue, { limit = 100, after = 0 } = {}) {
      const rows = await database.read(statements.list({ queue, after, limit: Math.min(limit, listMax) }))
      return rows.map(storedMessageOf)
    },

    async find(queue, id) {
      const [row] = await database.read(statements.find({ queue, message_id: id }))
      return row && storedMessageOf(row)
    },

    async replay(deadQueue, id) {
      const queue = liveQueueOf(deadQueue)
      const count = await forEach(deadQueue, id, (row) => [
        removeStatement(row),
        publishStatement(storage, clock, { queue, message: storedMessageOf(row), limit: unlimited }),
      ])
      wake(queue)
      return count
    },

    dropDead: drop,
    purge: (queue) => drop(queue, 'all'),
    dropWaiting: drop,
  }
}

function storedMessageOf(row: Row): StoredMessage {
  return {
    position: row.id,
    id: row.message_id,
    key: row.key ?? '',
    body: row.body,
    ...(row.headers !== null && { headers: JSON.parse(row.headers) }),
    attempts: row.attempts,
    publishedAt: row.published_at,
    ...(row.failed_at !== null && { failedAt: row.failed_at }),
    ...(row.reason !== null && { reason: row.reason }),
  }
}
