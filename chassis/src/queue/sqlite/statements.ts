import { sql } from 'kysely'
import type { Generated, Kysely } from 'kysely'
import { prepareQuery } from '../../database/index.ts'
import type { Placeholders } from '../../database/index.ts'

/**
 * `visible_at` is the whole state of a message: 0 if it is new; the end of its lease or pause; -1 if it waits for an earlier
 * message of its key; null for a dead letter. Triggers maintain `depth`, and set -1 to 0 when the earlier message is removed.
 */
export type QueueTables = {
  queue: { name: string; depth: number }
  message: {
    id: Generated<number>
    queue: string
    message_id: string
    key: string | null
    body: string
    headers: string | null
    attempts: Generated<number>
    visible_at: number | null
    published_at: number
    failed_at: number | null
    reason: string | null
  }
}

export type QueueStatements = ReturnType<typeof prepareStatements>

type Named = { queue: string }
type Page = Named & { after: number; limit: number }
type Published = Named & {
  message_id: string
  key: string | null
  body: string
  headers: string | null
  at: number
  limit: number
}
/** A leased message. After its lease has expired and another claimed it, `attempts` differs, and nothing is changed. */
type LeasedRow = { id: number; attempts: number }
type DeadLetter = LeasedRow & { deadQueue: string; at: number; reason: string }

/** The unary plus disables an index by which SQLite would sort the whole queue to find its oldest messages. */
const inOrder = sql<string>`+message.queue`

export function prepareStatements(db: Kysely<QueueTables>) {
  return {
    publish: prepareQuery((p: Placeholders<Published>) => publish(db, p)),
    due: prepareQuery((p: Placeholders<Named & { now: number }>) => due(db, p).limit(1)),
    claim: prepareQuery((p: Placeholders<Named & { now: number; until: number; limit: number }>) =>
      db
        .updateTable('message')
        .set((row) => ({ visible_at: p.until, attempts: row('attempts', '+', 1) }))
        .where('id', 'in', due(db, p).orderBy('visible_at', 'desc').orderBy('id').limit(p.limit))
        .returning(['id', 'message_id', 'key', 'body', 'headers', 'attempts']),
    ),
    /** Returns claimed messages that must wait for an earlier one of their key. */
    putBehind: prepareQuery((p: Placeholders<Named & { until: number }>) =>
      db
        .updateTable('message')
        .set((row) => ({ visible_at: -1, attempts: row('attempts', '-', 1) }))
        .where('queue', '=', p.queue)
        .where('visible_at', '=', p.until)
        .where(({ exists, selectFrom }) =>
          exists(
            selectFrom('message as ahead')
              .select('ahead.id')
              .whereRef('ahead.queue', '=', 'message.queue')
              .whereRef('ahead.key', '=', 'message.key')
              .where('ahead.visible_at', '<>', sql.lit(0))
              .whereRef('ahead.id', '<', 'message.id'),
          ),
        )
        .returning('id'),
    ),
    show: prepareQuery((p: Placeholders<LeasedRow & { at: number }>) =>
      db
        .updateTable('message')
        .set({ visible_at: p.at })
        .where('id', '=', p.id)
        .where('attempts', '=', p.attempts),
    ),
    release: prepareQuery((p: Placeholders<LeasedRow>) =>
      db
        .updateTable('message')
        .set((row) => ({ visible_at: 0, attempts: row('attempts', '-', 1) }))
        .where('id', '=', p.id)
        .where('attempts', '=', p.attempts),
    ),
    acknowledge: prepareQuery((p: Placeholders<LeasedRow>) =>
      db.deleteFrom('message').where('id', '=', p.id).where('attempts', '=', p.attempts),
    ),
    deadLetter: prepareQuery((p: Placeholders<DeadLetter>) => deadLetter(db, p)),
    depth: prepareQuery((p: Placeholders<Named>) =>
      db.selectFrom('queue').select('depth').where('name', '=', p.queue),
    ),
    oldest: prepareQuery((p: Placeholders<Named>) => oldest(db, p)),
    queues: prepareQuery((_: Placeholders<Record<never, never>>) => queues(db)),
    list: prepareQuery((p: Placeholders<Page>) => page(db, p).selectAll()),
    listOfReason: prepareQuery((p: Placeholders<Page & { reason: string }>) =>
      page(db, p).selectAll().where(sql`coalesce(reason, '')`, '=', p.reason),
    ),
    /** Without the bodies, which may be large. */
    letters: prepareQuery((p: Placeholders<Page>) =>
      page(db, p).select(['id', 'message_id', 'reason', 'failed_at']),
    ),
    /** `ids` is an array in JSON. */
    find: prepareQuery((p: Placeholders<Named & { ids: string }>) =>
      db
        .selectFrom('message')
        .selectAll()
        .where('queue', '=', p.queue)
        .where('message_id', 'in', sql<string>`(select value from json_each(${p.ids}))`)
        .orderBy('id'),
    ),
    remove: prepareQuery((p: Placeholders<{ id: number }>) =>
      db.deleteFrom('message').where('id', '=', p.id),
    ),
  }
}

/** Affects no row when the queue is full. A message that the queue holds already counts as published. */
function publish(db: Kysely<QueueTables>, p: Placeholders<Published>) {
  const depth = sql`coalesce((select depth from queue where name = ${p.queue}), 0)`
  const exists = sql`exists (select 1 from message where queue = ${p.queue} and message_id = ${p.message_id})`
  return db
    .insertInto('message')
    .columns(['queue', 'message_id', 'key', 'body', 'headers', 'published_at', 'visible_at'])
    .expression(
      sql`select ${p.queue}, ${p.message_id}, ${p.key}, ${p.body}, ${p.headers}, ${p.at}, 0
          where ${depth} < ${p.limit} or ${exists}`,
    )
    .onConflict((conflict) =>
      conflict
        .columns(['queue', 'message_id'])
        .doUpdateSet((row) => ({ message_id: row.ref('excluded.message_id') })),
    )
}

/** In the order of publishing. */
function page(db: Kysely<QueueTables>, p: Placeholders<Page>) {
  return db
    .selectFrom('message')
    .where(inOrder, '=', p.queue)
    .where('id', '>', p.after)
    .orderBy('id')
    .limit(p.limit)
}

function due(db: Kysely<QueueTables>, p: Placeholders<Named & { now: number }>) {
  return db
    .selectFrom('message')
    .select('id')
    .where('queue', '=', p.queue)
    .where('visible_at', '>=', 0)
    .where('visible_at', '<=', p.now)
}

function deadLetter(db: Kysely<QueueTables>, p: Placeholders<DeadLetter>) {
  return db
    .insertInto('message')
    .columns([
      'queue',
      'message_id',
      'key',
      'body',
      'headers',
      'attempts',
      'published_at',
      'failed_at',
      'reason',
    ])
    .expression(
      db
        .selectFrom('message')
        .where('id', '=', p.id)
        .where('attempts', '=', p.attempts)
        .select([
          sql<string>`${p.deadQueue}`.as('queue'),
          'message_id',
          'key',
          'body',
          'headers',
          'attempts',
          'published_at',
          p.at.as('failed_at'),
          p.reason.as('reason'),
        ]),
    )
    .onConflict((conflict) =>
      conflict.columns(['queue', 'message_id']).doUpdateSet((row) => ({
        body: row.ref('excluded.body'),
        attempts: row.ref('excluded.attempts'),
        failed_at: row.ref('excluded.failed_at'),
        reason: row.ref('excluded.reason'),
      })),
    )
}

/**
 * When the oldest live message was published. Those that are new, and those that wait for an earlier one, are in the order of the index
 * `message_claim`; those that are handled or paused are few.
 */
function oldest(db: Kysely<QueueTables>, p: Placeholders<Named>) {
  const first = (state: number) => sql`
    select published_at from (
      select published_at from message where queue = ${p.queue} and visible_at = ${sql.lit(state)} order by id limit 1)`
  return db
    .selectFrom(
      sql<{ published_at: number }>`(
        ${first(0)} union all ${first(-1)}
        union all select published_at from message where queue = ${p.queue} and visible_at > 0)`.as('live'),
    )
    .select(({ fn }) => fn.min<number | null>('published_at').as('at'))
}

function queues(db: Kysely<QueueTables>) {
  return db
    .selectFrom('queue')
    .select((row) => [
      'name',
      'depth',
      row
        .selectFrom('message')
        .select('published_at')
        .whereRef(inOrder, '=', 'queue.name')
        // For an empty queue SQLite would scan the messages of all others.
        .where('depth', '>', 0)
        .orderBy('id')
        .limit(1)
        .as('oldest_at'),
    ])
    .orderBy('name')
}
