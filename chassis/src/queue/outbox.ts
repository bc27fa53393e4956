import { randomBytes, randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { Generated, Kysely } from 'kysely'
import type { Clock } from '../clock/index.ts'
import { identity, longText, numbersIn, prepareQuery, removeFound } from '../database/index.ts'
import type { Database, Placeholders, Statement } from '../database/index.ts'
import { AppError } from '../errors/index.ts'
import { exponentialBackoffMs } from './index.ts'
import type { Message, Queue, StreamOptions } from './index.ts'

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
    .addColumn('id', ...identity(db))
    .addColumn('queue', 'varchar(128)', (column) => column.notNull())
    .addColumn('message_id', 'varchar(128)')
    .addColumn('key', 'varchar(256)', (column) => column.notNull())
    .addColumn('body', longText(db), (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema
    .createTable('outbox_relay')
    .addColumn('source', 'varchar(32)', (column) => column.primaryKey().notNull())
    .addColumn('holder', 'varchar(36)')
    .addColumn('lease_until', 'bigint', (column) => column.notNull())
    .execute()
  const source = randomBytes(8).toString('hex')
  // There is one row, though an engine may have had to begin this again.
  await sql`delete from outbox_relay`.execute(db)
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

/** How long rows gather after a `wake` before they leave, so that under load a group is worth its two commits. */
const gatherMs = 10
const lookIntervalMs = 200

/**
 * Carries what services committed to the queue: in the order of the rows, at least once, each message under one id however
 * often it is sent. Of the processes that share a database one relays at a time, under a lease that is held only while
 * there is something to relay. While a queue is down or full the rows wait, and tries grow rarer.
 */
export function createOutboxRelay({
  database,
  queue,
  clock,
  streams = {},
  batchMax = 500,
  leaseMs = 10_000,
}: {
  database: Database<OutboxTable>
  queue: Pick<Queue, 'publishAll' | 'append'>
  clock: Clock
  /** Which names are streams, and how much they keep; all others are queues. */
  streams?: Readonly<Record<string, StreamOptions>>
  batchMax?: number
  leaseMs?: number
}): OutboxRelay {
  const statements = prepareStatements(database.query)
  const holder = randomUUID()
  let relaying: Promise<void> | undefined
  let gathering: NodeJS.Timeout | undefined
  let stopping = false
  let failures = 0
  let pausedUntil = Number.NEGATIVE_INFINITY
  let batchSize = batchMax
  const timer = setInterval(look, lookIntervalMs).unref()

  function wake(): void {
    gathering ??= setTimeout(look, gatherMs).unref()
  }

  function look(): void {
    clearTimeout(gathering)
    gathering = undefined
    if (stopping || clock.now() < pausedUntil) return
    if (relaying !== undefined) {
      wake()
      return
    }
    relaying = relay()
      .catch(pause)
      .finally(() => {
        relaying = undefined
      })
  }

  async function relay(): Promise<void> {
    if ((await database.read(statements.oldest({ limit: 1 }))).length > 0) {
      const now = clock.now()
      const lease = await database.commit([
        { ...statements.takeLease({ holder, now, until: now + leaseMs }), required: true },
        statements.source({}),
      ])
      const source = lease.results[1]?.rows[0]?.source
      if (source !== undefined) await relayUnderLease(String(source), now + leaseMs / 2)
    }
    failures = 0
  }

  /** The lease is given back with the removal of the last rows, or left to lapse when something fails. */
  async function relayUnderLease(source: string, until: number): Promise<void> {
    for (let more = true; more; ) {
      const rows = await database.read(statements.oldest({ limit: batchSize }))
      const { relayed, error } = await publish(source, rows)
      more = error === undefined && rows.length === batchSize && !stopping && clock.now() < until
      await database.commit(more ? relayed : [...relayed, statements.releaseLease({ holder })])
      if (error !== undefined) throw error
      batchSize = Math.min(batchMax, batchSize * 2)
    }
  }

  function pause(error: unknown): void {
    failures += 1
    pausedUntil = clock.now() + exponentialBackoffMs(failures)
    // A queue that has no room for all may have it for some.
    if (error instanceof AppError && error.code === 'overloaded') batchSize = Math.ceil(batchSize / 2)
  }

  /** Each queue fares on its own, so that a full one does not hold back what goes to another. */
  async function publish(
    source: string,
    rows: readonly OutboxRow[],
  ): Promise<{ relayed: Statement[]; error?: unknown }> {
    const relayed: Statement[] = []
    let error: unknown
    const publications = [...Map.groupBy(rows, (row) => row.queue)].map(async ([name, group]) => {
      const messages = group.map((row) => messageOf(source, row))
      const stream = streams[name]
      try {
        await (stream === undefined ? queue.publishAll(name, messages) : queue.append(name, messages, stream))
        relayed.push(statements.remove({ ids: group.map(({ id }) => id).join(',') }))
      } catch (cause) {
        error = cause
      }
    })
    await Promise.all(publications)
    return { relayed, error }
  }

  return {
    wake,
    async stop() {
      stopping = true
      clearInterval(timer)
      clearTimeout(gathering)
      await relaying
    },
    async backlog() {
      const [row] = await database.read(statements.backlog({}))
      const now = clock.now()
      return { rows: Number(row?.rows ?? 0), oldestAgeMs: now - Number(row?.oldest_at ?? now) }
    },
  }
}

/** A database whose commits have the relay look at once: what was committed may have left messages in the outbox. */
export function wakeAfterCommit<Tables>(database: Database<Tables>, relay: OutboxRelay): Database<Tables> {
  return {
    ...database,
    async commit(unit, fence) {
      const outcome = await database.commit(unit, fence)
      relay.wake()
      return outcome
    },
  }
}

type OutboxRow = { id: number; queue: string; message_id: string | null; key: string; body: string }

function messageOf(source: string, { id, message_id, key, body }: OutboxRow): Message {
  return { id: message_id ?? `${source}-${id}`, key, body }
}

function prepareStatements(db: Kysely<OutboxTable>) {
  return {
    takeLease: prepareQuery((p: Placeholders<{ holder: string; now: number; until: number }>) =>
      db
        .updateTable('outbox_relay')
        .set({ holder: p.holder, lease_until: p.until })
        .where((row) => row.or([row('holder', '=', p.holder), row('lease_until', '<=', p.now)])),
    ),
    source: prepareQuery((_: Placeholders<Record<never, never>>) =>
      db.selectFrom('outbox_relay').select('source'),
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
    // Exactly those: on a server a row with a smaller number may become visible later.
    remove: prepareQuery((p: Placeholders<{ ids: string }>) =>
      removeFound(db, 'outbox', 'id', numbersIn(db, p.ids)),
    ),
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
