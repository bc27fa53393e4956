import type { Selectable } from 'kysely'
import type { Clock } from '../../clock/index.ts'
import type { Statement } from '../../database/index.ts'
import { AppError } from '../../errors/index.ts'
import { liveQueueOf } from '../port.ts'
import { handleEach } from '../dispatcher.ts'
import type { EventStream, Message, OncePublisher, PublishOptions, Queue, StoredMessage } from '../port.ts'
import { createSqliteConsumer } from './consumer.ts'
import type { SqliteConsumer } from './consumer.ts'
import { createPublications } from './publications.ts'
import { acquireStorage } from './storage.ts'
import { createSqliteStreams } from './stream.ts'
import type { QueueTables } from './statements.ts'

const limitDefault = 100_000
const pageMax = 1_000
const unlimited = Number.MAX_SAFE_INTEGER

type Row = Selectable<QueueTables['message']>

/**
 * The embedded queue: a table in an SQLite file that several processes share. Publishing, claiming and acknowledging are
 * units of one group commit, so that under load each costs a share of an fsync.
 */
export async function openSqliteQueue(
  url: string,
  clock: Clock,
): Promise<Queue & OncePublisher & EventStream> {
  const { storage, release } = await acquireStorage(url)
  const { database, statements, consumers } = storage
  const publications = createPublications(database, clock)
  const mine = new Set<SqliteConsumer>()
  let closed: Promise<void> | undefined

  function publishing(queue: string, { id, key, body, headers }: Message, limit: number): Statement {
    const publish = statements.publish({
      queue,
      message_id: id,
      key: key === '' ? null : key,
      body,
      headers: headers === undefined ? null : JSON.stringify(headers),
      at: clock.now(),
      limit,
    })
    return { ...publish, mustAffectRows: true }
  }

  async function publishAll(queue: string, messages: readonly Message[], options: PublishOptions = {}) {
    if (messages.length === 0) return
    const { limit = limitDefault } = options
    const { failedStatement } = await database.commit(
      messages.map((message) => publishing(queue, message, limit)),
    )
    if (failedStatement !== undefined) throw full()
    wake(queue)
  }

  const publishOnce: OncePublisher['publishOnce'] = async (queue, message, once, options = {}) => {
    const { limit = limitDefault } = options
    const unit = [
      publications.remember(queue, message.id, once),
      publishing(queue, message, limit),
      publications.forget(),
    ]
    const { failedStatement: refusedBy } = await database.commit(unit)
    if (refusedBy === 1) throw full()
    if (refusedBy === undefined) wake(queue)
    else if (!(await publications.isRepeated(queue, message.id, once)))
      return publishOnce(queue, message, once, options)
    return refusedBy === undefined ? 'published' : 'repeated'
  }

  function wake(queue: string): void {
    for (const consumer of consumers) if (consumer.queue === queue) consumer.wake()
  }

  const consumeBatches: Queue['consumeBatches'] = (queue, handler, options = {}) => {
    const consumer = createSqliteConsumer({ database, statements, clock, queue, handler, options })
    consumers.add(consumer)
    mine.add(consumer)
    return { stop: () => stop(consumer) }
  }

  async function stop(consumer: SqliteConsumer): Promise<void> {
    await consumer.stop()
    mine.delete(consumer)
    consumers.delete(consumer)
    // What it gave back is there for others.
    wake(consumer.queue)
  }

  async function close(): Promise<void> {
    await Promise.all(Array.from(mine, stop))
    await release()
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
      count += outcomes.filter(({ failedStatement: refusedBy }) => refusedBy === undefined).length
    }
    return count
  }

  const removing = ({ id }: Row): Statement => ({ ...statements.remove({ id }), mustAffectRows: true })

  return {
    publish: (queue, message, options) => publishAll(queue, [message], options),
    publishAll,
    publishOnce,
    ...createSqliteStreams(database, clock),
    consumeBatches,
    consume(queue, handler, options) {
      return consumeBatches(queue, handleEach(handler), { ...options, batchMax: 1 })
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
      const again = (row: Row) => [removing(row), publishing(queue, heldMessage(row), unlimited)]
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
    close() {
      closed ??= close()
      return closed
    },
  }
}

function full(): AppError {
  return new AppError('overloaded', 'The queue is full; try again shortly.')
}

function heldMessage(row: Row): StoredMessage {
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
