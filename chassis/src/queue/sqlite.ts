import type { Selectable } from 'kysely'
import type { Clock } from '../clock/index.ts'
import { openDatabase } from '../database/index.ts'
import type { Statement } from '../database/index.ts'
import { AppError } from '../errors/index.ts'
import { liveQueueOf } from './index.ts'
import type { Delivery, HeldMessage, Message, Queue, QueueOptions } from './index.ts'
import { createSqliteConsumer } from './sqlite-consumer.ts'
import type { SqliteConsumer } from './sqlite-consumer.ts'
import { prepareStatements } from './sqlite-statements.ts'
import type { QueueTables } from './sqlite-statements.ts'

const limitDefault = 100_000
const pageMax = 1_000

type Row = Selectable<QueueTables['message']>

/**
 * The embedded queue: a table in an SQLite file that several processes share. Publishing, claiming and acknowledging are
 * units of one group commit, so that under load each costs a share of an fsync.
 */
export async function openSqliteQueue(url: string, clock: Clock): Promise<Queue> {
  const migrations = new URL('./migrations/', import.meta.url)
  const database = await openDatabase<QueueTables>(url, { migrations })
  const statements = prepareStatements(database.query)
  const consumers = new Map<SqliteConsumer, string>()

  function publishing(queue: string, message: Message, options: QueueOptions): Statement[] {
    const { limit = limitDefault, overflow = 'reject-publish' } = options
    const { id, key, body, headers } = message
    const publish = statements.publish({
      queue,
      message_id: id,
      key: key === '' ? null : key,
      body,
      headers: headers === undefined ? null : JSON.stringify(headers),
      at: clock.now(),
      limit,
    })
    const required = { ...publish, required: true }
    if (overflow === 'reject-publish') return [required]
    return [statements.makeRoom({ queue, message_id: id, limit }), required]
  }

  async function publishAll(queue: string, messages: readonly Message[], options: QueueOptions = {}) {
    if (messages.length === 0) return
    const stored = database.commit(messages.flatMap((message) => publishing(queue, message, options)))
    // The claim travels behind the messages, so the consumers need not wait for the disk.
    wake(queue)
    const { refusedBy } = await stored
    if (refusedBy !== undefined) throw new AppError('overloaded', 'The queue is full; try again shortly.')
  }

  function wake(queue: string): void {
    for (const [consumer, consumed] of consumers) if (consumed === queue) consumer.wake()
  }

  const consumeBatches: Queue['consumeBatches'] = (queue, handler, options = {}) => {
    const consumer = createSqliteConsumer({ database, statements, clock, queue, handler, options })
    consumers.set(consumer, queue)
    return {
      async stop() {
        consumers.delete(consumer)
        await consumer.stop()
        wake(queue)
      },
    }
  }

  async function depth(queue: string): Promise<number> {
    const [row] = await database.read(statements.depth({ queue }))
    return row?.depth ?? 0
  }

  /** Runs a unit for the message that is named, or for all that the queue holds now, a page at a time. */
  async function forEach(queue: string, id: string | 'all', unitOf: (row: Row) => Statement[]) {
    let count = 0
    for (let left = id === 'all' ? await depth(queue) : 1; left > 0; left -= pageMax) {
      const rows = await database.read(
        id === 'all'
          ? statements.list({ queue, after: 0, limit: Math.min(left, pageMax) })
          : statements.find({ queue, message_id: id }),
      )
      const outcomes = await Promise.all(rows.map((row) => database.commit(unitOf(row))))
      count += outcomes.filter(({ refusedBy }) => refusedBy === undefined).length
    }
    return count
  }

  const removing = ({ id }: Row): Statement => ({ ...statements.remove({ id }), required: true })

  return {
    publish: (queue, message, options) => publishAll(queue, [message], options),
    publishAll,
    consumeBatches,
    consume(queue, handler, options) {
      const handleOne = async (deliveries: readonly Delivery[]) => {
        for (const delivery of deliveries) await handler(delivery)
        return noFailures
      }
      return consumeBatches(queue, handleOne, { ...options, batchMax: 1 })
    },
    depth,
    async queues() {
      const now = clock.now()
      const rows = await database.read(statements.queues({}))
      return rows.map(({ name, depth, oldest_at }) => ({
        name,
        depth,
        oldestAgeMs: now - (oldest_at ?? now),
      }))
    },
    async list(queue, { limit = 100, after = 0 } = {}) {
      const rows = await database.read(statements.list({ queue, after, limit: Math.min(limit, pageMax) }))
      return rows.map(heldMessage)
    },
    async replay(deadQueue, id) {
      const queue = liveQueueOf(deadQueue)
      const unbounded = { limit: Number.MAX_SAFE_INTEGER }
      const again = (row: Row) => [removing(row), ...publishing(queue, heldMessage(row), unbounded)]
      const count = await forEach(deadQueue, id, again)
      wake(queue)
      return count
    },
    async drop(queue, id) {
      const count = await forEach(queue, id, (row) => [removing(row)])
      wake(queue)
      return count
    },
    ping: database.ping,
    async close() {
      await Promise.all([...consumers.keys()].map((consumer) => consumer.stop()))
      await database.close()
    },
  }
}

const noFailures: ReadonlyMap<Delivery, unknown> = new Map()

function heldMessage(row: Row): HeldMessage {
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
