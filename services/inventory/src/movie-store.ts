import type { Cache } from '@quintet/chassis/cache'
import { canonicalCaselessKey, prepareBoundedRead, prepareQuery, randomKeys } from '@quintet/chassis/database'
import type { Database, Placeholders } from '@quintet/chassis/database'
import type { IdempotencyRecord } from '@quintet/chassis/idempotency'
import { createRows, rowText } from '@quintet/chassis/resource/rows'
import type { Page, RowCondition, RowTables, Step } from '@quintet/chassis/resource/rows'
import type { Kysely } from 'kysely'
import type { ListedMovie, Movie, MovieTables, NewMovie } from './movie-tables.ts'
import { keyedVersionAfter } from './title-keys.ts'
import { createTitleSearch } from './title-search.ts'

export type MovieStore = ReturnType<typeof createMovieStore>

/** Movies in a SQL database behind the cache, which holds single movies and the first page of all of them. */
export function createMovieStore({ database, cache }: { database: Database<MovieTables>; cache: Cache }) {
  const { find, insert, update } = prepareStatements(database.query)
  const list = prepareList(database)
  const rows = createRows<Movie>({
    database,
    query: database.query.$extendTables<RowTables>(),
    cache,
    table: 'movies',
    texts: ['title', 'title_key', 'description'],
    noun: 'movie',
    load: (id) => database.read(find({ id })),
    textOf,
  })
  return {
    ...rows,

    /** A page in the order of the ids. */
    list: ({ after, limit, bytesMax: reaches }: Page & Step): Promise<readonly ListedMovie[]> =>
      list({ after, limit, reaches }),

    search: createTitleSearch(database),

    /** The ids of up to `max` movies, at random. */
    sample: async (max: number) => (await randomKeys(database, { table: 'movies' }, max)).map(Number),

    /** Adds a movie, with the responses to be recorded, and gives its id. */
    create: (movie: NewMovie, records: readonly IdempotencyRecord[]) =>
      rows.insert(insert({ ...movie, titleKey: canonicalCaselessKey(movie.title) }), records),

    /** Changes a movie, if it has this version where one is given; undefined when there is no such movie. */
    change(id: number, { title, description }: Partial<NewMovie>, version: number | null = null) {
      const titleKey = title === undefined ? null : canonicalCaselessKey(title)
      const change = { title: title ?? null, titleKey, description: description ?? null }
      return rows.update(id, update({ id, version, ...change }))
    },
  }
}

/** A movie as it is sent. */
export function textOf({ id, title, description }: NewMovie & { id: number | string }): string {
  return rowText(id, { title, description })
}

type Update = RowCondition & { title: string | null; titleKey: string | null; description: string | null }

function prepareList(database: Database<MovieTables>) {
  return prepareBoundedRead(
    database,
    (p: Placeholders<{ after: number; limit: number; reaches: number }>, text) =>
      database.query
        .selectFrom('movies')
        .select(['id', 'version', text('title').as('title'), text('description').as('description')])
        .where('id', '>', p.after)
        .orderBy('id')
        .limit(p.limit),
    { texts: ['title', 'description'], orderBy: ['id'] },
  )
}

function prepareStatements(db: Kysely<MovieTables>) {
  const columns = ['id', 'title', 'description', 'version'] as const
  const movies = db.selectFrom('movies').select(columns)
  return {
    find: prepareQuery((p: Placeholders<{ id: number }>) => movies.where('id', '=', p.id)),
    insert: prepareQuery((p: Placeholders<NewMovie & { titleKey: string }>) =>
      db
        .insertInto('movies')
        .values({
          title: p.title,
          title_key: p.titleKey,
          keyed_version: 1,
          description: p.description,
        })
        .returning('id'),
    ),
    update: prepareQuery((p: Placeholders<Update>) =>
      db
        .updateTable('movies')
        .set((row) => ({
          title: row.fn.coalesce(p.title, 'title'),
          title_key: row.fn.coalesce(p.titleKey, 'title_key'),
          keyed_version: keyedVersionAfter(p.titleKey),
          description: row.fn.coalesce(p.description, 'description'),
          version: row('version', '+', 1),
        }))
        .where('id', '=', p.id)
        .where((row) => row('version', '=', row.fn.coalesce(p.version, 'version')))
        .returning(columns),
    ),
  }
}
