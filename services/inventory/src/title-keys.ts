import { canonicalCaselessKey, prepareQuery } from '@quintet/chassis/database'
import type { Database, Placeholders } from '@quintet/chassis/database'
import { sql } from 'kysely'
import type { Kysely, RawBuilder } from 'kysely'
import type { MovieTables } from './movie-tables.ts'

const rowsPerUnit = 500

/**
 * Sets some of the keys that processes of an earlier version, which run beside this one during an upgrade, did not; resolves to whether
 * there may be more of them.
 */
export function createMissingKeySetter(database: Database<MovieTables>): () => Promise<boolean> {
  const { listUnkeyed, setKey } = prepareStatements(database.query)
  return async () => {
    const unkeyed = await database.read(listUnkeyed({ limit: rowsPerUnit }))
    if (unkeyed.length === 0) return false
    await database.commit(
      unkeyed.map(({ id, title, version }) => setKey({ id, version, titleKey: canonicalCaselessKey(title) })),
    )
    return unkeyed.length === rowsPerUnit
  }
}

/** The new `keyed_version` of a row that is changed. Without a new title the key still belongs to the present title, or still does not. */
export function keyedVersionAfter(titleKey: RawBuilder<string | null>): RawBuilder<number> {
  return sql`case when cast(${titleKey} as text) is null then keyed_version else version end + 1`
}

function prepareStatements(db: Kysely<MovieTables>) {
  return {
    listUnkeyed: prepareQuery((p: Placeholders<{ limit: number }>) =>
      db
        .selectFrom('movies')
        .select(['id', 'title', 'version'])
        .whereRef('keyed_version', '<>', 'version')
        .orderBy('id')
        .limit(p.limit),
    ),
    setKey: prepareQuery((p: Placeholders<{ id: number; version: number; titleKey: string }>) =>
      db
        .updateTable('movies')
        .set({ title_key: p.titleKey, keyed_version: p.version })
        .where('id', '=', p.id)
        .where('version', '=', p.version),
    ),
  }
}
