import { canonicalCaselessKey, dialectOf, prepareBoundedRead, prepareQuery } from '@quintet/chassis/database'
import type { Database, Placeholders, TextColumn } from '@quintet/chassis/database'
import type { Found, Page, Step } from '@quintet/chassis/resource/rows'
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { ListedMovie, MovieTables } from './movie-tables.ts'
import { createMissingKeySetter } from './title-keys.ts'

/** What one step of a search reads: an embedded database does it on the event loop, which it takes for about 3 milliseconds. */
const stepLimits = {
  sqlite: { rowsMax: 512, bytesMax: 1_048_576 },
  server: { rowsMax: 5_000, bytesMax: Number.MAX_SAFE_INTEGER },
}

/** One step of a search for the movies whose title contains a text, in any case. No index supports the comparison. */
export function createTitleSearch(database: Database<MovieTables>) {
  const setMissingKeys = createMissingKeySetter(database)
  const { matching, measure } = prepareStatements(database)
  const { rowsMax, bytesMax } = stepLimits[dialectOf(database.query) === 'sqlite' ? 'sqlite' : 'server']

  /** The next rows to compare: half as many as long as they have too many bytes. */
  async function nextRows(after: number, limit = rowsMax) {
    const [{ end, count, bytes } = noRows] = await database.read(measure({ after, limit }))
    if (Number(bytes) > bytesMax && limit > 1) return nextRows(after, limit >> 1)
    return { end, isLast: Number(count) < limit }
  }

  return async (page: Page & Step, title: string): Promise<Found<ListedMovie, number>> => {
    const { after, limit, bytesMax: reaches } = page
    if (await setMissingKeys()) return { rows: [], reached: after }
    const { end, isLast } = await nextRows(after)
    if (end === null) return { rows: [], reached: undefined }
    const rows = await matching({ after, end, limit, reaches, key: canonicalCaselessKey(title) })
    const isCut = rows.length >= limit || rows.reduce((sum, { bytes = 0 }) => sum + bytes, 0) >= reaches
    if (isCut) return { rows, reached: rows.at(-1)?.id }
    return { rows, reached: isLast ? undefined : end }
  }
}

const noRows = { end: null, count: 0, bytes: 0 }

type Range = { after: number; end: number; limit: number; reaches: number; key: string }

function prepareStatements(database: Database<MovieTables>) {
  const db = database.query
  return {
    matching: prepareBoundedRead(
      database,
      (p: Placeholders<Range>, text: TextColumn) =>
        db
          .selectFrom('movies')
          .select(['id', 'version', text('title').as('title'), text('description').as('description')])
          .where('id', '>', p.after)
          .where('id', '<=', p.end)
          .where(containsKey(db, p.key))
          .orderBy('id')
          .limit(p.limit),
      { texts: ['title', 'description'], orderBy: ['id'] },
    ),
    /** The last id of the rows of a step, how many they are, and the bytes that are read to compare their keys. */
    measure: prepareQuery((p: Placeholders<{ after: number; limit: number }>) =>
      db
        .selectFrom(
          db
            .selectFrom('movies')
            .select('id')
            // The key is stored behind the other texts, and its comparison takes as long as reading twice as much of them.
            .select(
              sql<number>`octet_length(title) + octet_length(description) + 3 * octet_length(title_key)`.as(
                'bytes',
              ),
            )
            .where('id', '>', p.after)
            .orderBy('id')
            .limit(p.limit)
            .as('step'),
        )
        .select(({ fn }) => [
          fn.max<number | null>('id').as('end'),
          fn.countAll<number>().as('count'),
          fn.coalesce(fn.sum<number>('bytes'), sql.lit(0)).as('bytes'),
        ]),
    ),
  }
}

/**
 * By the engine's search for a text, which compares many bytes at a time: `like` compares character by character, which takes a hundred
 * times as long where a title nearly contains the text at every place.
 */
function containsKey(db: Kysely<MovieTables>, key: Placeholders<Range>['key']) {
  return dialectOf(db) === 'sqlite'
    ? sql<boolean>`instr(title_key, ${key}) > 0`
    : sql<boolean>`strpos(title_key, ${key}) > 0`
}
