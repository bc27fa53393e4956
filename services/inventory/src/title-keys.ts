import { canonicalCaselessKey, prepareQuery } from '@quintet/chassis/database'
import type { Database, Placeholders } from '@quintet/chassis/database'
import type { Generated, Kysely } from 'kysely'

/** The columns by which a title is found. */
export type TitleKey = {
  /** The title in the form that is searched, without case. */
  title_key: string
  /** The version whose title that is of: another one if a process of an earlier version has written the row since. */
  keyed_version: number
}

type TitleKeyTables = {
  movies: TitleKey & { id: Generated<number>; version: Generated<number>; title: string }
}

const rowsPerUnit = 500

/** Sets the keys that processes of an earlier version, which run beside this one during an upgrade, did not. */
export function createMissingKeySetter(database: Database<TitleKeyTables>): () => Promise<void> {
  const { listUnkeyed, setKey } = prepareStatements(database.query)
  return async () => {
    for (;;) {
      const unkeyed = await database.read(listUnkeyed({ limit: rowsPerUnit }))
      if (unkeyed.length === 0) return
      await database.commit(
        unkeyed.map(({ id, title, version }) =>
          setKey({ id, version, titleKey: canonicalCaselessKey(title) }),
        ),
      )
      if (unkeyed.length < rowsPerUnit) return
    }
  }
}

function prepareStatements(db: Kysely<TitleKeyTables>) {
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
