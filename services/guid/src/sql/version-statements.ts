import { asBigint, deleteSelected, prepareQuery, skipLocked } from '@quintet/chassis/database'
import type { Placeholders } from '@quintet/chassis/database'
import type { Sweep } from '@quintet/chassis/sweeper'
import { sql } from 'kysely'
import type { Kysely, QueryCreator, SelectQueryBuilder } from 'kysely'
import type { ExpiryJudge } from './expiry.ts'
import type { GuidDatabase, GuidTables } from './tables.ts'

/**
 * How versions are kept from being used again once a row is gone (docs/decisions/0022): whatever removes rows adds the largest
 * of their versions to `version_floor` in the same unit, and a registration needs a version above all of those.
 */
export function prepareVersionStatements(db: Kysely<GuidTables>, judge: ExpiryJudge) {
  // Not `max`: with the condition outside, SQLite would read the whole table for it.
  const floor = db
    .selectFrom('version_floor')
    .select('version as highest')
    .orderBy('version', 'desc')
    .limit(1)
    .as('floor')
  return {
    /**
     * Returns a row if the version exceeds the floor and the expiry has not passed when the unit commits. It must come after the
     * insert of the GUID's row: that has waited for any unit that was removing an earlier one, so this statement sees the
     * version of that.
     */
    requireValid: prepareQuery((p: Placeholders<{ version: number; expire: number; now: number }>) =>
      db
        .selectFrom(floor)
        .select(judge.commitBefore(asBigint(db, p.expire)))
        .where('highest', '<', p.version)
        .where(sql<boolean>`${p.expire} > ${judge.now(p.now)}`),
    ),
    /** The largest version that may have been that of this GUID. */
    highest: prepareQuery((p: Placeholders<{ guid: string }>) =>
      db
        .selectFrom(
          db
            .selectFrom(floor)
            .select('highest')
            .unionAll(db.selectFrom('guid').select('version as highest').where('guid', '=', p.guid))
            .as('versions'),
        )
        .select(sql<number>`max(highest)`.as('highest')),
    ),
  }
}

/** Removes at most `limit` versions below the floor. */
export function createFloorSweep({ query: db, commit }: GuidDatabase): Sweep {
  const remove = prepareQuery((p: Placeholders<{ limit: number }>) => {
    const floor = db.selectFrom('version_floor').select(sql<number>`max(version)`.as('highest'))
    const lower = db.selectFrom('version_floor').select('version').where('version', '<', floor)
    return deleteSelected(db, 'version_floor', 'version', skipLocked(db, lower.limit(p.limit)))
  })
  return async (limit) => (await commit([remove({ limit })])).results[0]?.changes ?? 0
}

/** Adds the largest version of the selected rows to the floor, unless that is as high already. */
export function raiseFloor<Tables extends GuidTables, From extends keyof Tables>(
  db: Pick<QueryCreator<Tables>, 'insertInto'>,
  removed: SelectQueryBuilder<Tables, From, object>,
) {
  return db
    .insertInto('version_floor')
    .columns(['version'])
    .expression(
      removed
        .select(sql<number>`max(version)`.as('highest'))
        .having(sql<boolean>`max(version) > (select max(version) from version_floor)`),
    )
}
