import type { Cache, Entry } from '@quintet/chassis/cache'
import type { Deadline } from '@quintet/chassis/clock'
import { lowerCase, prepareQuery, returnedBy } from '@quintet/chassis/database'
import type { Database, Placeholders, Result } from '@quintet/chassis/database'
import { AppError } from '@quintet/chassis/errors'
import { recordStatements } from '@quintet/chassis/idempotency'
import type { IdempotencyTable, IdempotencyRecord } from '@quintet/chassis/idempotency'
import { sql } from 'kysely'
import type { Generated, Kysely } from 'kysely'

export type Movie = { id: number; title: string; description: string; version: number }
export type MovieTables = IdempotencyTable & {
  movies: { id: Generated<number>; title: string; description: string; version: Generated<number> }
}
export type MoviePage = { title?: string; after?: number; limit: number }
export type MovieChange = { title?: string; description?: string }

export type MovieStore = ReturnType<typeof createMovieStore>

const deletedAtOnceMax = 5_000

/** Movies in a SQL database behind the cache, which holds single movies and the first page of all of them. */
export function createMovieStore({ database, cache }: { database: Database<MovieTables>; cache: Cache }) {
  const statements = prepareStatements(database.query)
  const toKeep = recordStatements(database.query)

  function load(id: number): Entry | undefined | Promise<Entry | undefined> {
    const rows = database.read(statements.find({ id }))
    return rows instanceof Promise ? rows.then(firstEntry) : firstEntry(rows)
  }

  const find = (id: number) => cache.read(keyOf(id), () => load(id))

  async function list({ title, after = 0, limit }: MoviePage): Promise<readonly Movie[]> {
    const page = { after, limit }
    if (title === undefined) return database.read(statements.list(page))
    return database.read(
      statements.search({ ...page, pattern: `%${title.toLowerCase().replace(/[!%_]/g, '!$&')}%` }),
    )
  }

  return {
    /** The entry of a movie, whose text is its answer; without a promise where it can be. */
    find,

    /** A page in the order of the ids. */
    list,

    /** What `make` makes of the first page of all movies, which is kept until one of them is changed. */
    async firstPage(limit: number, make: (movies: readonly Movie[]) => string): Promise<string> {
      const entry = await cache.read(firstPageKey, async () => ({
        version: 0,
        expiresAtMs: Number.POSITIVE_INFINITY,
        text: make(await list({ limit })),
      }))
      return entry?.text ?? ''
    },

    /** The one version that may be changed: what the movie has now, if `If-Match` admits it; undefined when any may. */
    async checkPrecondition(
      id: number,
      versions: readonly number[] | undefined,
    ): Promise<number | undefined> {
      if (versions === undefined) return undefined
      const entry = await find(id)
      if (entry === undefined) throw notFound(id)
      if (!versions.includes(entry.version)) throw versionMismatch()
      return entry.version
    },

    /** Stores a movie, with the answers that tell of it, and gives its id. */
    async create(
      movie: { title: string; description: string },
      answers: readonly IdempotencyRecord[],
    ): Promise<number> {
      const insert = statements.insert(movie)
      const unit = [insert, ...toKeep(answers, returnedBy(insert, 'id'))]
      const { results } = await cache.write(
        [firstPageKey],
        (deadline) => database.commit(unit, deadline),
        leaveEmpty,
      )
      return Number(results[0]?.rows[0]?.id)
    },

    /** Changes a movie, given its version if that must still be the one; undefined when there is no such. */
    async update(id: number, change: MovieChange, version?: number): Promise<Movie | undefined> {
      const { title = null, description = null } = change
      const update = statements.update({ id, title, description, version: version ?? null })
      const { results } = await cache.write(
        [keyOf(id), firstPageKey],
        (deadline) => database.commit([update], deadline),
        (done, key) => (key === firstPageKey ? undefined : entryOfResult(done.results[0])),
      )
      return movieOf(results[0])
    },

    /** Deletes a movie, given its version if that must still be the one; false when there is no such. */
    async delete(id: number, version?: number): Promise<boolean> {
      const { results } = await cache.write(
        [keyOf(id), firstPageKey],
        (deadline) => database.commit([statements.delete({ id, version: version ?? null })], deadline),
        leaveEmpty,
      )
      return results[0]?.changes === 1
    },

    /**
     * Deletes every movie that is there when it begins, and gives their number: in bounded groups, each of which goes as a
     * whole. The cache must know which movies go before they do.
     */
    async deleteAll(): Promise<number> {
      const [newest] = await database.read(statements.newest({}))
      const last = newest?.id ?? 0
      let deleted = 0
      for (let after = 0; after < last; ) {
        const rows = await database.read(statements.ids({ after, last, limit: deletedAtOnceMax }))
        const end = rows.length < deletedAtOnceMax ? last : (rows.at(-1)?.id ?? last)
        const keys = [firstPageKey, ...rows.map(({ id }) => keyOf(id))]
        const change = (deadline: Deadline) =>
          database.commit([statements.deleteRange({ after, end })], deadline)
        deleted += (await cache.write(keys, change, leaveEmpty)).results[0]?.changes ?? 0
        after = end
      }
      return deleted
    },
  }
}

export const notFound = (id: number | string) => new AppError('not_found', `There is no movie ${id}.`)
export const versionMismatch = () =>
  new AppError('precondition_failed', 'The movie has changed since the version that If-Match names.')

/** A movie as it is answered. */
export function textOf({ id, title, description }: Omit<Movie, 'version'>): string {
  return JSON.stringify({ id, title, description })
}

const firstPageKey = 'movies'

function keyOf(id: number): string {
  return `movie:${id}`
}

function leaveEmpty(): undefined {
  return undefined
}

function entryOf(movie: Movie): Entry {
  return { version: movie.version, expiresAtMs: Number.POSITIVE_INFINITY, text: textOf(movie) }
}

function firstEntry([movie]: readonly Movie[]): Entry | undefined {
  return movie && entryOf(movie)
}

function entryOfResult(result: Result | undefined): Entry | undefined {
  const movie = movieOf(result)
  return movie && entryOf(movie)
}

function movieOf(result: Result | undefined): Movie | undefined {
  const { id, title, description, version } = result?.rows[0] ?? {}
  if (typeof title !== 'string' || typeof description !== 'string') return undefined
  return { id: Number(id), title, description, version: Number(version) }
}

type Key = { id: number; version: number | null }
type Page = { after: number; limit: number }

function prepareStatements(db: Kysely<MovieTables>) {
  const columns = ['id', 'title', 'description', 'version'] as const
  const page = (p: Placeholders<Page>) =>
    db.selectFrom('movies').select(columns).where('id', '>', p.after).orderBy('id').limit(p.limit)
  return {
    find: prepareQuery((p: Placeholders<{ id: number }>) =>
      db.selectFrom('movies').select(columns).where('id', '=', p.id),
    ),
    list: prepareQuery((p: Placeholders<Page>) => page(p)),
    search: prepareQuery((p: Placeholders<Page & { pattern: string }>) =>
      page(p).where(sql<boolean>`${lowerCase(db, sql.ref('title'))} like ${p.pattern} escape '!'`),
    ),
    insert: prepareQuery((p: Placeholders<{ title: string; description: string }>) =>
      db.insertInto('movies').values({ title: p.title, description: p.description }).returning('id'),
    ),
    update: prepareQuery((p: Placeholders<Key & { title: string | null; description: string | null }>) =>
      db
        .updateTable('movies')
        .set((row) => ({
          title: row.fn.coalesce(p.title, 'title'),
          description: row.fn.coalesce(p.description, 'description'),
          version: row('version', '+', 1),
        }))
        .where('id', '=', p.id)
        .where((row) => row('version', '=', row.fn.coalesce(p.version, 'version')))
        .returning(columns),
    ),
    delete: prepareQuery((p: Placeholders<Key>) =>
      db
        .deleteFrom('movies')
        .where('id', '=', p.id)
        .where((row) => row('version', '=', row.fn.coalesce(p.version, 'version'))),
    ),
    newest: prepareQuery((_: Placeholders<Record<never, never>>) =>
      db.selectFrom('movies').select('id').orderBy('id', 'desc').limit(1),
    ),
    ids: prepareQuery((p: Placeholders<Page & { last: number }>) =>
      db
        .selectFrom('movies')
        .select('id')
        .where('id', '>', p.after)
        .where('id', '<=', p.last)
        .orderBy('id')
        .limit(p.limit),
    ),
    deleteRange: prepareQuery((p: Placeholders<{ after: number; end: number }>) =>
      db.deleteFrom('movies').where('id', '>', p.after).where('id', '<=', p.end),
    ),
  }
}
