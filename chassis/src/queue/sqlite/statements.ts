import { sql } from 'kysely'
import type { Generated, Kysely } from 'kysely'
import { prepareQuery } from '../../database/index.ts'
import type { Placeholders } from '../../database/index.ts'

/**
 * `visible_at` is all the state of a message: 0 when it is new; the time at which a lease or a pause ends; -1 when it was
 * found to be behind another of its key, until that one goes; null for a dead letter. Triggers keep `depth`, and make new
 * what was behind.
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
type Published = Named & {
  message_id: string
  key: string | null
  body: string
  headers: string | null
  at: number
  limit: number
}
/** A message in somebody's hands; whoever was too late has an older number of attempts, and changes nothing. */
type LeasedRow = { id: number; attempts: number }

/** The sign keeps SQLite from an index that would have it sort the whole queue to find its oldest messages. */
const inOrder = sql<string>`+message.queue`

export function prepareStatements(db: Kysely<QueueTables>) {
  const held = (p: Placeholders<LeasedRow>) =>
    db.selectFrom('message').where('id', '=', p.id).where('attempts', '=', p.attempts)
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
    /** Puts back what `claim` took although it is behind another of its key. */
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
    bury: prepareQuery((p: Placeholders<LeasedRow & { deadQueue: string; at: number; reason: string }>) =>
      db
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
          held(p).select([
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
        ),
    ),
    depth: prepareQuery((p: Placeholders<Named>) =>
      db.selectFrom('queue').select('depth').where('name', '=', p.queue),
    ),
    queues: prepareQuery((_: Placeholders<Record<never, never>>) =>
      db
        .selectFrom('queue')
        .select((row) => [
          'name',
          'depth',
          row
            .selectFrom('message')
            .select('published_at')
            .whereRef(inOrder, '=', 'queue.name')
            // An empty queue would be looked for through all the messages of the others.
            .where('depth', '>', 0)
            .orderBy('id')
            .limit(1)
            .as('oldest_at'),
        ])
        .orderBy('name'),
    ),
    list: prepareQuery((p: Placeholders<Named & { after: number; limit: number }>) =>
      db
        .selectFrom('message')
        .selectAll()
        .where(inOrder, '=', p.queue)
        .where('id', '>', p.after)
        .orderBy('id')
        .limit(p.limit),
    ),
    find: prepareQuery((p: Placeholders<Named & { message_id: string }>) =>
      db
        .selectFrom('message')
        .selectAll()
        .where('queue', '=', p.queue)
        .where('message_id', '=', p.message_id),
    ),
    remove: prepareQuery((p: Placeholders<{ id: number }>) =>
      db.deleteFrom('message').where('id', '=', p.id),
    ),
  }
}

/** Touches no row when the queue is full. A message that is held already counts as published. */
function publish(db: Kysely<QueueTables>, p: Placeholders<Published>) {
  const depth = sql`coalesce((select depth from queue where name = ${p.queue}), 0)`
  const held = sql`exists (select 1 from message where queue = ${p.queue} and message_id = ${p.message_id})`
  return db
    .insertInto('message')
    .columns(['queue', 'message_id', 'key', 'body', 'headers', 'published_at', 'visible_at'])
    .expression(
      sql`select ${p.queue}, ${p.message_id}, ${p.key}, ${p.body}, ${p.headers}, ${p.at}, 0
          where ${depth} < ${p.limit} or ${held}`,
    )
    .onConflict((conflict) =>
      conflict
        .columns(['queue', 'message_id'])
        .doUpdateSet((row) => ({ message_id: row.ref('excluded.message_id') })),
    )
}

function due(db: Kysely<QueueTables>, p: Placeholders<Named & { now: number }>) {
  return db
    .selectFrom('message')
    .select('id')
    .where('queue', '=', p.queue)
    .where('visible_at', '>=', 0)
    .where('visible_at', '<=', p.now)
}
