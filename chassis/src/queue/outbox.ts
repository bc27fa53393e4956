import { randomBytes, randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { Generated, Kysely } from 'kysely'
import type { Clock } from '../clock/index.ts'
import { prepareQuery } from '../database/index.ts'
import type { Database, Placeholders, Row, Statement } from '../database/index.ts'
import { AppError } from '../errors/index.ts'
import { exponentialBackoffMs } from './index.ts'
import type { Message, Queue, QueueOptions } from './index.ts'

/** What the tables of a service with an outbox must include. */
export type OutboxTable = {
  outbox: {
    id: Generated<number>
    queue: string
    /** Given where the message must be recognised; else made of the row's number and the name of its database. */
    message_id: string | null
    key: string
    body: string
    created_at: number
  }
  outbox_relay: { source: string; holder: string | null; lease_until: number }
}

/** A message on its way to `queue`; `createdAt` in milliseconds. */
export type OutboxMessage = {
  readonly queue: string
  readonly key: string
  readonly body: string
  readonly createdAt: number
  readonly id?: string
}

export type OutboxRelay = {
  /** Says that rows were committed, to have them relayed sooner than the next look would. */
  wake(): void
  /** Waits for what is being relayed; the rest stays for the next start. */
  stop(): Promise<void>
  /** How many rows wait, at most, and the age of the oldest. */
  backlog(): Promise<{ rows: number; oldestAgeMs: number }>
}

/** For the migrations of a service that publishes what it commits. */
export async function createOutboxTable<T>(db: Kysely<T>): Promise<void> {
  // Numbers are never used again, so that the ids made of them stay unique.
  await db.schema
    .createTable('outbox')
    .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('queue', 'varchar(128)', (column) => column.notNull())
    .addColumn('message_id', 'varchar(128)')
    .addColumn('key', 'varchar(256)', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema
    .createTable('outbox_relay')
    .addColumn('source', 'varchar(32)', (column) => column.primaryKey().notNull())
    .addColumn('holder', 'varchar(36)')
    .addColumn('lease_until', 'bigint', (column) => column.notNull())
    .execute()
  const source = randomBytes(8).toString('hex')
  await sql`insert into outbox_relay (source, lease_until) values (${source}, 0)`.execute(db)
}

export async function dropOutboxTable<T>(db: Kysely<T>): Promise<void> {
  await db.schema.dropTable('outbox_relay').execute()
  await db.schema.dropTable('outbox').execute()
}

/** Makes the statement that a store puts into the unit of the effect that the message tells of. */
export function outboxStatement(db: Kysely<OutboxTable>): (message: OutboxMessage) => Statement {
  const insert = prepareQuery((p: Placeholders<Omit<OutboxMessage, 'id'> & { id: string | null }>) =>
    db
      .insertInto('outbox')
      .values({ queue: p.queue, message_id: p.id, key: p.key, body: p.body, created_at: p.createdAt }),
  )
  return ({ queue, id = null, key, body, createdAt }) => insert({ queue, id, key, body, createdAt })
}

const lookIntervalMs = 25

/**
 * Carries what services committed to the queue: in the order of the rows, at least once, each message under one id however
 * often it is sent. Of the processes that share a database one relays at a time, under a lease that is held only while
 * there is something to relay. While a queue is down or full the rows wait, and tries grow rarer.
 */
export function createOutboxRelay({
  database,
  queue,
  clock,
  queues = {},
  batchMax = 500,
  leaseMs = 10_000,
}: {
  database: Database<OutboxTable>
  queue: Pick<Queue, 'publishAll'>
  clock: Clock
  /** The bounds of the queues that messages go to, by name. */
  queues?: Readonly<Record<string, QueueOptions>>
  batchMax?: number
  leaseMs?: number
}): OutboxRelay {
  const statements = prepareStatements(database.query)
  const holder = randomUUID()
  let relaying: Promise<void> | undefined
  let stopping = false
  let failures = 0
  let pausedUntil = Number.NEGATIVE_INFINITY
  let batchSize = batchMax
  const timer = setInterval(look, lookIntervalMs).unref()

  function look(): void {
    if (relaying !== undefined || stopping || clock.now() < pausedUntil) return
    relaying = relay()
      .catch(pause)
      .finally(() => {
        relaying = undefined
      })
  }

  async function relay(): Promise<void> {
    const [waits] = await database.read(statements.oldest({ limit: 1 }))
    while (waits !== undefined && (await relayBatch())) batchSize = batchMax
    failures = 0
  }

  function pause(error: unknown): void {
    failures += 1
    pausedUntil = clock.now() + exponentialBackoffMs(failures)
    // A queue that has no room for all may have it for some.
    if (error instanceof AppError && error.code === 'overloaded') batchSize = Math.ceil(batchSize / 2)
  }

  /** Relays the oldest rows; resolves to whether there may be more to do at once. */
  async function relayBatch(): Promise<boolean> {
    const now = clock.now()
    const { refusedBy, results } = await database.commit([
      { ...statements.takeLease({ holder, now, until: now + leaseMs }), required: true },
      statements.oldest({ limit: batchSize }),
    ])
    if (refusedBy !== undefined) return false
    const [lease, oldest] = results
    const rows = oldest?.rows ?? []
    const { relayed, error } = await publish(String(lease?.rows[0]?.source), rows)
    const more = error === undefined && rows.length === batchSize && !stopping
    const removed = relayed.map(({ id }) => statements.remove({ id: Number(id) }))
    await database.commit(more ? removed : [...removed, statements.releaseLease({ holder })])
    if (error !== undefined) throw error
    return more
  }

  /** Each queue fares on its own, so that a full one does not hold back what goes to another. */
  async function publish(source: string, rows: readonly Row[]): Promise<{ relayed: Row[]; error?: unknown }> {
    const relayed: Row[] = []
    let error: unknown
    const publications = [...Map.groupBy(rows, (row) => String(row.queue))].map(async ([name, group]) => {
      try {
        await queue.publishAll(
          name,
          group.map((row) => messageOf(source, row)),
          queues[name],
        )
        relayed.push(...group)
      } catch (cause) {
        error = cause
      }
    })
    await Promise.all(publications)
    return { relayed, error }
  }

  return {
    wake: look,
    async stop() {
      stopping = true
      clearInterval(timer)
      await relaying
    },
    async backlog() {
      const [row] = await database.read(statements.backlog({}))
      const now = clock.now()
      return { rows: Number(row?.rows ?? 0), oldestAgeMs: now - Number(row?.oldest_at ?? now) }
    },
  }
}

function messageOf(source: string, { id, message_id, key, body }: Row): Message {
  return { id: String(message_id ?? `${source}-${id}`), key: String(key), body: String(body) }
}

function prepareStatements(db: Kysely<OutboxTable>) {
  return {
    takeLease: prepareQuery((p: Placeholders<{ holder: string; now: number; until: number }>) =>
      db
        .updateTable('outbox_relay')
        .set({ holder: p.holder, lease_until: p.until })
        .where((row) => row.or([row('holder', '=', p.holder), row('lease_until', '<=', p.now)]))
        .returning('source'),
    ),
    releaseLease: prepareQuery((p: Placeholders<{ holder: string }>) =>
      db.updateTable('outbox_relay').set({ lease_until: 0 }).where('holder', '=', p.holder),
    ),
    oldest: prepareQuery((p: Placeholders<{ limit: number }>) =>
      db
        .selectFrom('outbox')
        .select(['id', 'queue', 'message_id', 'key', 'body'])
        .orderBy('id')
        .limit(p.limit),
    ),
    remove: prepareQuery((p: Placeholders<{ id: number }>) => db.deleteFrom('outbox').where('id', '=', p.id)),
    // Counting would read every row; numbers are given without gaps, but rows of a full queue are overtaken.
    backlog: prepareQuery((_: Placeholders<Record<never, never>>) =>
      db.selectNoFrom((row) => [
        sql<number>`${row.selectFrom('outbox').select((max) => max.fn.max('id').as('id'))}
          - ${row.selectFrom('outbox').select((min) => min.fn.min('id').as('id'))} + 1`.as('rows'),
        row.selectFrom('outbox').select('created_at').orderBy('id').limit(1).as('oldest_at'),
      ]),
    ),
  }
}
