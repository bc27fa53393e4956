import { asBigint, dialectOf, forUpdate, greatest, least, prepareQuery } from '@quintet/chassis/database'
import type { Placeholders, Statement } from '@quintet/chassis/database'
import type { Owner } from '@quintet/chassis/guard'
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { Guid } from '../guid.ts'
import { insertEvents } from './event-statements.ts'
import type { ExpiryJudge } from './expiry.ts'
import { prepareRemovals } from './removal-statements.ts'
import type { GuidTables } from './tables.ts'

type At = { at: number }
type Key = { guid: string; now: number }
/** A version or an owner of null stands for any; an expiry of null leaves it as it is. */
type Condition = Key & { version: number | null; owner: Owner; expire: number | null }
type Change = { guid: string; user: string | null; expire: number | null; next: number }

export function prepareGuidStatements(db: Kysely<GuidTables>, judge: ExpiryJudge) {
  return {
    find: prepareQuery((p: Placeholders<Key>) =>
      db
        .selectFrom('guid')
        .select(['guid', 'user', 'expire', 'version', 'owner'])
        .where('guid', '=', p.guid)
        .where('expire', '>', judge.now(p.now)),
    ),
    /**
     * Locks a row that has not expired. Affects none where there is no such row, or where it, or the expiry that it is given, has
     * passed when the unit commits.
     */
    hold: prepareQuery((p: Placeholders<Condition>) => {
      const expire = asBigint(db, sql`coalesce(${p.expire}, expire)`)
      const held = db
        .selectFrom('guid')
        .select(judge.commitBefore(least(db, sql.ref('expire'), expire)))
        .where('guid', '=', p.guid)
        .where('expire', '>', judge.now(p.now))
        .where((row) => row('version', '=', row.fn.coalesce(p.version, 'version')))
        .where(sql<boolean>`coalesce(${p.owner}, owner, '') = coalesce(owner, '')`)
      return forUpdate(db, held)
    }),
    insert: prepareQuery((p: Placeholders<Guid>) =>
      db
        .insertInto('guid')
        .values({ guid: p.guid, user: p.user, expire: p.expire, version: p.version, owner: p.owner })
        .onConflict((conflict) => conflict.column('guid').doNothing()),
    ),
    /** Changes the row of an expired GUID, after `insertExpiredEvent`, into that of a new registration. */
    replaceExpired: prepareQuery((p: Placeholders<Guid>) =>
      db
        .updateTable('guid')
        .set({ user: p.user, expire: p.expire, version: p.version, owner: p.owner })
        .where('guid', '=', p.guid),
    ),
    update: prepareUpdate(db),
    insertUpdatedEvent: prepareQuery((p: Placeholders<At & { guid: string }>) =>
      insertEvents(db, 'guid.updated', p.at, (rows) => rows.where('guid', '=', p.guid)),
    ),
    /** Locks the row of an expired GUID whose version is lower than the given one; affects none if there is no such row. */
    insertExpiredEvent: prepareQuery((p: Placeholders<At & Key & { version: number }>) =>
      insertEvents(db, 'guid.expired', p.at, (rows) =>
        forUpdate(
          db,
          rows
            .where('guid', '=', p.guid)
            .where('expire', '<=', judge.now(p.now))
            .where('version', '<', p.version),
        ),
      ),
    ),
    ...prepareRemovals(db, judge),
  }
}

/** The statements that change a row, which is held; the last one returns the changed row. */
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
  if (dialectOf(db) !== 'mysql') {
    const update = prepareQuery((p: Placeholders<Change>) => change(p).returningAll())
    return (values) => [update(values)]
  }
  const update = prepareQuery((p: Placeholders<Change>) => change(p))
  const read = prepareQuery((p: Placeholders<{ guid: string }>) =>
    db.selectFrom('guid').selectAll().where('guid', '=', p.guid),
  )
  return (values) => [update(values), read({ guid: values.guid })]
}
