import { systemClock } from '../../clock/index.ts'
import type { Clock } from '../../clock/index.ts'
import type { FailureLogger } from '../../telemetry/index.ts'
import { limitDefault, queueFull } from '../bound.ts'
import { createConsumers } from '../consumers.ts'
import type { EventStream, Message, OncePublisher, PublishOptions, Queue } from '../port.ts'
import { createSqliteConsumer } from './consumer.ts'
import { createPublications } from './publications.ts'
import { asQueueClock } from './queue-clock.ts'
import type { QueueClock } from './queue-clock.ts'
import { publishStatement } from './publish-statement.ts'
import { createSqliteAdmin } from './sqlite-admin.ts'
import { acquireStorage } from './storage.ts'
import type { SqliteStorage } from './storage.ts'
import { createSqliteStreams } from './stream.ts'

/**
 * The embedded queue: a table in an SQLite file that several processes share. Publications, claims and acknowledgements are
 * units of one group commit, so that under load they share the cost of an fsync.
 */
export async function openSqliteQueue(
  url: string,
  clock: Clock,
  logger?: FailureLogger,
): Promise<Queue & OncePublisher & EventStream> {
  const { storage, release } = await acquireStorage(url)
  const { database } = storage
  const wake = (queue: string) => wakeConsumers(storage, queue)
  const queueClock = clock === systemClock ? storage.clock : asQueueClock(clock)
  const { stop: stopConsumers, ...consumers } = createSqliteConsumers(storage, { clock, queueClock, logger })
  let closing: Promise<void> | undefined

  async function close(): Promise<void> {
    await stopConsumers()
    await release()
  }

  return {
    ...createSqlitePublisher(storage, clock),
    ...consumers,
    ...createSqliteStreams(database, clock),
    ...createSqliteAdmin({ storage, clock, queueClock, wake }),
    ping: database.ping,
    close() {
      closing ??= close()
      return closing
    },
  }
}

function createSqlitePublisher(
  storage: SqliteStorage,
  clock: Clock,
): Pick<Queue & OncePublisher, 'publish' | 'publishAll' | 'publishOnce' | 'messageUnder'> {
  const { database } = storage
  const publications = createPublications(database, clock)

  async function publishAll(
    queue: string,
    messages: readonly Message[],
    { limit = limitDefault }: PublishOptions = {},
  ): Promise<void> {
    if (messages.length === 0) return
    const unit = messages.map((message) => publishStatement(storage, clock, { queue, message, limit }))
    const { failedStatement } = await database.commit(unit)
    if (failedStatement !== undefined) throw queueFull()
    wakeConsumers(storage, queue)
  }

  const publishOnce: OncePublisher['publishOnce'] = async (queue, message, once, options = {}) => {
    const { limit = limitDefault } = options
    const { failedStatement } = await database.commit([
      publications.insert(queue, message.id, once),
      publishStatement(storage, clock, { queue, message, limit }),
      publications.deleteExpired(),
    ])
    if (failedStatement === 1) throw queueFull()
    if (failedStatement !== undefined) {
      if (await publications.isRepeated(queue, message.id, once)) return 'repeated'
      // The key has expired meanwhile.
      return publishOnce(queue, message, once, options)
    }
    wakeConsumers(storage, queue)
    return 'published'
  }

  return {
    publish: (queue, message, options) => publishAll(queue, [message], options),
    publishAll,
    publishOnce,
    messageUnder: publications.messageUnder,
  }
}

function createSqliteConsumers(
  storage: SqliteStorage,
  { clock, queueClock, logger }: { clock: Clock; queueClock: QueueClock; logger: FailureLogger | undefined },
) {
  const { database, statements, consumers } = storage
  const parts = { database, statements, clock, queueClock }
  return createConsumers((queue, handler, options, log) => {
    const consumer = createSqliteConsumer({ ...parts, queue, handler, options, log })
    consumers.add(consumer)
    return {
      async stop() {
        await consumer.stop()
        consumers.delete(consumer)
        // For the messages that it released.
        wakeConsumers(storage, queue)
      },
    }
  }, logger)
}

/** Wakes all consumers of the queue in this process, of whichever client. */
function wakeConsumers({ consumers }: SqliteStorage, queue: string): void {
  for (const consumer of consumers) if (consumer.queue === queue) consumer.wake()
}
