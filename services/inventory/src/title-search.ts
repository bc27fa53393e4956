import { setImmediate as nextTurn } from 'node:timers/promises'
import { createLimiter } from '@quintet/chassis/concurrency'
import { dialectOf, prepareQuery } from '@quintet/chassis/database'
import type { Database, Placeholders } from '@quintet/chassis/database'
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { Movie, MovieTables, Page } from './movie-tables.ts'

/** A page of the movies whose `title_key` matches the pattern, in which `!` escapes. */
type TitleSearch = (page: Page, pattern: string) => Promise<readonly Movie[]>

/** Comparing as many of the longest titles takes the event loop for about 10 milliseconds. */
const rowsPerStep = 250
const searchesWaitingMax = 1_000

/**
 * Searches titles, which no index supports. An embedded database compares them on the event loop, so it does so in steps of
 * `rowsPerStep` rows, of which all searches together do one in each turn.
 */
export function createTitleSearch(database: Database<MovieTables>): TitleSearch {
  const { search, searchStep, endOfStep } = prepareStatements(database.query)
  if (dialectOf(database.query) !== 'sqlite')
    return async (page, pattern) => database.read(search({ ...page, pattern }))

  const inTurn = createLimiter({
    concurrencyMax: 1,
    waitingMax: searchesWaitingMax,
    refusal: 'Too many searches are waiting; retry.',
  })

  async function readStep(page: Page, pattern: string) {
    const [step] = await database.read(endOfStep({ after: page.after }))
    const end = step?.end ?? page.after
    const rows = await database.read(searchStep({ ...page, pattern, end }))
    await nextTurn()
    return { rows, end, isLast: (step?.count ?? 0) < rowsPerStep }
  }

  return async ({ after, limit }, pattern) => {
    const found: Movie[] = []
    for (let from = after; found.length < limit; ) {
      const page = { after: from, limit: limit - found.length }
      const { rows, end, isLast } = await inTurn(() => readStep(page, pattern))
      found.push(...rows)
      if (isLast) break
      from = end
    }
    return found
  }
}

type Search = Page & { pattern: string }

function prepareStatements(db: Kysely<MovieTables>) {
  const matching = (p: Placeholders<Search>) =>
    db
      .selectFrom('movies')
      .select(['id', 'title', 'description', 'version'])
      .where('id', '>', p.after)
      .where(sql<boolean>`title_key like ${p.pattern} escape '!'`)
      .orderBy('id')
      .limit(p.limit)
  return {
    search: prepareQuery(matching),
    searchStep: prepareQuery((p: Placeholders<Search & { end: number }>) =>
      matching(p).where('id', '<=', p.end),
    ),
    /** The last id of the step after a row, and how many rows it has. */
    endOfStep: prepareQuery((p: Placeholders<{ after: number }>) =>
      db
        .selectFrom((from) =>
          from
            .selectFrom('movies')
            .select('id')
            .where('id', '>', p.after)
            .orderBy('id')
            .limit(rowsPerStep)
            .as('step'),
        )
        .select((step) => [
          step.fn.max<number | null>('step.id').as('end'),
          step.fn.count<number>('step.id').as('count'),
        ]),
    ),
  }
}
