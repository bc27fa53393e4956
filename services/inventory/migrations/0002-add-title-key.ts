import { canonicalCaselessKey, setColumn } from '@quintet/chassis/database'
import type { Kysely } from 'kysely'

const rowsPerStatement = 500

export async function up(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .alterTable('movies')
    .addColumn('title_key', 'text', (column) => column.notNull().defaultTo(''))
    .execute()
  for (let after = 0; ; ) {
    const rows = await db
      .selectFrom('movies')
      .select(['id', 'title'])
      .where('id', '>', after)
      .orderBy('id')
      .limit(rowsPerStatement)
      .execute()
    await setColumn(
      db,
      'movies',
      'title_key',
      new Map(rows.map(({ id, title }) => [id, canonicalCaselessKey(title)])),
    )
    const last = rows.at(-1)
    if (last === undefined) return
    after = last.id
  }
}

export async function down(db: Kysely<Tables>): Promise<void> {
  await db.schema.alterTable('movies').dropColumn('title_key').execute()
}

type Tables = { movies: { id: number; title: string } }
