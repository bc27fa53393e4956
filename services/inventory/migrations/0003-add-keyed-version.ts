import { canonicalCaselessKey, setColumn } from '@quintet/chassis/database'
import { sql } from 'kysely'
import type { Kysely } from 'kysely'

const rowsPerStatement = 500

/**
 * The version whose title `title_key` is of. A process of an earlier version that still runs changes the title and the version only, so the
 * keys that it leaves behind can be found.
 */
export async function up(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .alterTable('movies')
    .addColumn('keyed_version', 'integer', (column) => column.notNull().defaultTo(0))
    .execute()
  await db.schema
    .createIndex('movies_unkeyed')
    .on('movies')
    .column('id')
    .where(sql<boolean>`keyed_version <> version`)
    .execute()
  for (let after = 0; ; ) {
    const rows = await db
      .selectFrom('movies')
      .select(['id', 'title', 'version'])
      .where('id', '>', after)
      .orderBy('id')
      .limit(rowsPerStatement)
      .execute()
    const last = rows.at(-1)
    if (last === undefined) return
    const keys = new Map(rows.map(({ id, title }) => [id, canonicalCaselessKey(title)]))
    await setColumn(db, 'movies', 'title_key', keys)
    for (const [version, ids] of Map.groupBy(rows, (row) => row.version))
      await db
        .updateTable('movies')
        .set({ keyed_version: version })
        .where(
          'id',
          'in',
          ids.map(({ id }) => id),
        )
        .execute()
    after = last.id
  }
}

export async function down(db: Kysely<Tables>): Promise<void> {
  await db.schema.dropIndex('movies_unkeyed').execute()
  await db.schema.alterTable('movies').dropColumn('keyed_version').execute()
}

type Tables = { movies: { id: number; title: string; version: number; keyed_version: number } }
