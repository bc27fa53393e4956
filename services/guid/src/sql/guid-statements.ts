import { dialectOf, forUpdate, greatest, prepareQuery } from '@quintet/chassis/database'
import type { Placeholders, Statement } from '@quintet/chassis/database'
import type { Kysely } from 'kysely'
import type { Guid } from '../guid.ts'
import { insertEvents } from './event-statements.ts'
import { prepareRemovals } from './removal-statements.ts'
import type { GuidTables } from './tables.ts'

type At = { at: number }
type Key = { guid: string; now: number }
type Change = Key & { version: number | null; user: string | null; expire: number | null; next: number }

export function prepareGuidStatements(db: Kysely<GuidTables>) {
  const insert = (p: Placeholders<Guid>) =>
    db.insertInto('guid').values({ guid: p.guid, user: p.user, expire: p.expire, version: p.version })
  return {
    find: prepareQuery((p: Placeholders<Key>) =>
      db
        .selectFrom('guid')
        .select(['guid', 'user', 'expire', 'version'])
        .where('guid', '=', p.guid)
        .where('expire', '>', p.now),
    ),
    insert: prepareQuery((p: Placeholders<Guid>) =>
      insert(p).onConflict((conflict) => conflict.column('guid').doNothing()),
    ),
    replaceExpired: prepareQuery((p: Placeholders<Guid & Key>) =>
      insert(p).onConflict((conflict) =>
        conflict
          .column('guid')
          .doUpdateSet((row) => ({
            user: row.ref('excluded.user'),
            expire: row.ref('excluded.expire'),
            version: row.ref('excluded.version'),
          }))
          .where('guid.expire', '<=', p.now),
      ),
    ),
    update: prepareUpdate(db),
    insertUpdatedEvent: prepareQuery((p: Placeholders<At & { guid: string }>) =>
      insertEvents(db, 'guid.updated', p.at, (rows) => rows.where('guid', '=', p.guid)),
    ),
    insertExpiredEvent: prepareQuery((p: Placeholders<At & Key>) =>
      insertEvents(db, 'guid.expired', p.at, (rows) =>
        forUpdate(db, rows.where('guid', '=', p.guid).where('expire', '<=', p.now)),
      ),
    ),
    ...prepareRemovals(db),
  }
}

/** The statements that change a row; the last one returns the changed row. */
function prepareUpdate(db: Kysely<GuidTables>): (values: Change) => Statement[] {
  const change = (p: Placeholders<Change>) =>
    db
      .updateTable('guid')
      .set((row) => ({
        user: row.fn.coalesce(p.user, 'user'),
        expire: row.fn.coalesce(p.expire, 'expire'),
        version: greatest(db, row('version', '+', 1), p.next),
      }))
      .where('guid', '=', p.guid)
      .where('expire', '>', p.now)
      .where((row) => row('version', '=', row.fn.coalesce(p.version, 'version')))
  if (dialectOf(db) !== 'mysql') {
    const update = prepareQuery((p: Placeholders<Change>) => change(p).returningAll())
    return (values) => [{ ...update(values), mustAffectRows: true }]
  }
  const update = prepareQuery((p: Placeholders<Change>) => change(p))
  const read = prepareQuery((p: Placeholders<Pick<Key, 'guid'>>) =>
    db.selectFrom('guid').selectAll().where('guid', '=', p.guid),
  )
  return (values) => [{ ...update(values), mustAffectRows: true }, read({ guid: values.guid })]
}
