import { setImmediate as nextTurn } from 'node:timers/promises'
import { createLimiter } from '@quintet/chassis/concurrency'
import { canonicalCaselessKey, dialectOf, prepareBoundedRead, prepareQuery } from '@quintet/chassis/database'
import type { Database, Placeholders, TextColumn } from '@quintet/chassis/database'
import type { Page } from '@quintet/chassis/resource/rows'
import { sql } from 'kysely'
import type { ListedMovie, MovieTables } from './movie-tables.ts'
import { createMissingKeySetter } from './title-keys.ts'

/** Comparing this many of the longest titles takes the event loop about 10 milliseconds. */
const rowsPerStep = 250
const searchesWaitingMax = 1_000

/** Finds a page of the movies whose title contains a text, in any case. */
export function createTitleSearch(database: Database<MovieTables>) {
  const setMissingKeys = createMissingKeySetter(database)
  const readMatching = createReader(database)
  return async (page: Page, title: string): Promise<readonly ListedMovie[]> => {
    await setMissingKeys()
    const pattern = `%${canonicalCaselessKey(title).replace(/[!%_]/g, '!$&')}%`
    const { after, limit, bytesMax: reaches = Number.MAX_SAFE_INTEGER } = page
    return readMatching({ after, limit, reaches, pattern })
  }
}

/**
 * No index supports the comparison. An embedded database makes it on the event loop, so in steps of `rowsPerStep` rows, of which all
 * searches together do one in each turn.
 */
function createReader(database: Database<MovieTables>): (search: Search) => Promise<readonly ListedMovie[]> {
  const { search, searchUntil, step } = prepareStatements(database)
  if (dialectOf(database.query) !== 'sqlite') return search

  const inTurn = createLimiter({
    concurrencyMax: 1,
    waitingMax: searchesWaitingMax,
    refusal: 'Too many searches are waiting; retry.',
  })

  /** `end` is undefined in the last step, which ends with the last row that there was at its beginning. */
  async function readStep(values: Search) {
    const [found] = await database.read(step(values))
    const { end = null, count = 0 } = found ?? {}
    const rows = end === null ? [] : await searchUntil({ ...values, end })
    await nextTurn()
    return { rows, end: end === null || count < rowsPerStep ? undefined : end }
  }

  return async ({ after, limit, reaches, pattern }) => {
    const found: ListedMovie[] = []
    let bytesLeft = reaches
    for (
      let from: number | undefined = after;
      from !== undefined && found.length < limit && bytesLeft > 0;
    ) {
      const rest: Search = { after: from, limit: limit - found.length, reaches: bytesLeft, pattern }
      const { rows, end } = await inTurn(() => readStep(rest))
      found.push(...rows)
      bytesLeft -= rows.reduce((sum, { bytes = 0 }) => sum + bytes, 0)
      from = end
    }
    return found
  }
}

/** In the pattern `!` escapes. */
type Search = { after: number; limit: number; reaches: number; pattern: string }

function prepareStatements(database: Database<MovieTables>) {
  const db = database.query
  const matching = (p: Placeholders<Search>, text: TextColumn) =>
    db
      .selectFrom('movies')
      .select(['id', 'version', text('title').as('title'), text('description').as('description')])
      .where('id', '>', p.after)
      .where(sql<boolean>`title_key like ${p.pattern} escape '!'`)
      .orderBy('id')
      .limit(p.limit)
  const bounds = { texts: ['title', 'description'], orderBy: ['id'] } as const
  return {
    search: prepareBoundedRead(database, matching, bounds),
    searchUntil: prepareBoundedRead(
      database,
      (p: Placeholders<Search & { end: number }>, text) => matching(p, text).where('id', '<=', p.end),
      bounds,
    ),
    /** The last id of the rows of a step after a row, and how many they are; null if there are none. */
    step: prepareQuery((p: Placeholders<{ after: number }>) =>
      db
        .selectFrom(
          db
            .selectFrom('movies')
            .select('id')
            .where('id', '>', p.after)
            .orderBy('id')
            .limit(rowsPerStep)
            .as('step'),
        )
        .select(({ fn }) => [fn.max<number | null>('id').as('end'), fn.countAll<number>().as('count')]),
    ),
  }
}
