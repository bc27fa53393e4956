import type { CompiledQuery, Generated, Kysely } from 'kysely'
import type { Cache, Entry } from '../cache/index.ts'
import type { Deadline } from '../clock/index.ts'
import { bytesOf, prepareQuery, prepareUntilSum, returnedBy } from '../database/index.ts'
import type { Database, Placeholders, Result, Statement } from '../database/index.ts'
import { recordStatements } from '../idempotency/index.ts'
import type { IdempotencyRecord, IdempotencyTable } from '../idempotency/index.ts'

/** The columns that every table of rows has: an id that the database assigns, and a version that each change increases. */
export type RowTables = Record<string, { id: Generated<number>; version: Generated<number> }>

/** The row to change; a version of null stands for any. */
export type RowCondition = { id: number; version: number | null }

/** How much of a page is read at once: up to `limit` rows, and no more after the one with which they have `bytesMax` bytes. */
export type Step = { readonly limit: number; readonly bytesMax: number }

/** What a step of a search has found, and the position up to which it has looked; undefined where there is nothing after it. */
export type Found<Row, Position> = { readonly rows: readonly Row[]; readonly reached: Position | undefined }

/** The rows after a position, in the order of a number of each row, such as its id. Without `bytesMax` their size is no limit. */
export type Page = { readonly after: number; readonly limit: number; readonly bytesMax?: number }

export type Rows = ReturnType<typeof createRows>

/** What one unit deletes at most, so that other writes wait for it a few milliseconds. */
const deletion = { rowsMax: 1_000, bytesMax: 4_194_304 }

/**
 * The rows of one table of a SQL database behind the cache, which holds single rows and the first page of all of them. A
 * change marks the keys of both before it is made.
 */
export function createRows<Found extends { version: number }>(options: {
  database: Database<IdempotencyTable>
  query: Kysely<RowTables>
  cache: Cache
  table: string
  /** The columns that may be large. */
  texts: readonly string[]
  /** The prefix of the keys of rows in the cache. */
  noun: string
  /** Reads one row. */
  load: (id: number) => readonly Found[] | Promise<readonly Found[]>
  /** The representation of a row, which the cache holds. */
  textOf: (row: Found) => string
}) {
  const { database, query, cache, table, texts, noun, load, textOf } = options
  const statements = prepareRowStatements(query, table, texts)
  const insertRecords = recordStatements(database.query)
  const keyOf = (id: number) => `${noun}:${id}`
  const entryOf = (row: Found | undefined) => row && permanentEntry(row.version, textOf(row))
  const loaded = ([row]: readonly Found[]) => entryOf(row)
  // The type is that of the statement, as for a read.
  const returned = (result: Result | undefined) => loaded((result?.rows ?? []) as readonly Found[])

  function loadEntry(id: number): Entry | undefined | Promise<Entry | undefined> {
    const rows = load(id)
    return rows instanceof Promise ? rows.then(loaded) : loaded(rows)
  }

  return {
    /** The cache entry of a row, whose text is its representation; without a promise where possible. */
    find: (id: number) => cache.read(keyOf(id), () => loadEntry(id)),

    /** The same from the database, without the cache. */
    load: loadEntry,

    /** The first page as `read` returns it, cached until a row changes. */
    async firstPage(read: () => Promise<string>): Promise<string> {
      const entry = await cache.read(table, async () => permanentEntry(0, await read()))
      return entry?.text ?? ''
    },

    /** Executes a statement that inserts a row and returns its id, in one unit with the recorded responses. */
    async insert(statement: Statement, records: readonly IdempotencyRecord[]): Promise<number> {
      const unit = [statement, ...insertRecords(records, returnedBy(statement, 'id'))]
      const { results } = await cache.write(
        [table],
        (deadline) => database.commit(unit, deadline),
        leaveEmpty,
      )
      return Number(results[0]?.rows[0]?.id)
    },

    /** Executes a statement that changes one row and returns it; undefined if it returned none. */
    async update(id: number, statement: CompiledQuery<Found>): Promise<Entry | undefined> {
      const { results } = await cache.write(
        [keyOf(id), table],
        (deadline) => database.commit([statement], deadline),
        (outcome, key) => (key === table ? undefined : returned(outcome.results[0])),
      )
      return returned(results[0])
    },

    /** Deletes a row, of this version unless it is null; false if there is no such row. */
    async delete(id: number, version: number | null = null): Promise<boolean> {
      const { results } = await cache.write(
        [keyOf(id), table],
        (deadline) => database.commit([statements.delete({ id, version })], deadline),
        leaveEmpty,
      )
      return results[0]?.changes === 1
    },

    /**
     * Deletes every row that exists when it begins, in groups of bounded number and size, each atomically; resolves to their number. The
     * keys of the rows are marked in the cache before the rows are deleted.
     */
    async deleteAll(): Promise<number> {
      const [newest] = await database.read(statements.newest({}))
      const last = newest?.id ?? 0
      let deleted = 0
      for (let after = 0; after < last; ) {
        const { rowsMax: limit, bytesMax: reaches } = deletion
        const rows = await database.read(statements.ids({ after, last, limit, reaches }))
        const end = rows.at(-1)?.id
        if (end === undefined) break
        const keys = [table, ...rows.map(({ id }) => keyOf(id))]
        const change = (deadline: Deadline) =>
          database.commit([statements.deleteRange({ after, end })], deadline)
        deleted += (await cache.write(keys, change, leaveEmpty)).results[0]?.changes ?? 0
        after = end
      }
      return deleted
    },
  }
}

/** A cache entry without expiry. */
export function permanentEntry(version: number, text: string): Entry {
  return { version, expiresAtMs: Number.POSITIVE_INFINITY, text }
}

/** The JSON of a row, its id first, which may be the placeholder of an id that the database will assign. */
export function rowText(id: number | string, members: object): string {
  return `{"id":${id},${JSON.stringify(members).slice(1)}`
}

function leaveEmpty(): undefined {
  return undefined
}

function prepareRowStatements(db: Kysely<RowTables>, table: string, texts: readonly string[]) {
  return {
    delete: prepareQuery((p: Placeholders<RowCondition>) =>
      db
        .deleteFrom(table)
        .where('id', '=', p.id)
        .where((row) => row('version', '=', row.fn.coalesce(p.version, 'version'))),
    ),
    newest: prepareQuery((_: Placeholders<Record<never, never>>) =>
      db.selectFrom(table).select('id').orderBy('id', 'desc').limit(1),
    ),
    ids: prepareUntilSum(
      db,
      (p: Placeholders<{ after: number; last: number; limit: number; reaches: number }>) =>
        db
          .selectFrom(table)
          .select('id')
          .select(bytesOf(...texts).as('bytes'))
          .where('id', '>', p.after)
          .where('id', '<=', p.last)
          .orderBy('id')
          .limit(p.limit),
      { column: 'bytes', orderBy: ['id'] },
    ),
    deleteRange: prepareQuery((p: Placeholders<{ after: number; end: number }>) =>
      db.deleteFrom(table).where('id', '>', p.after).where('id', '<=', p.end),
    ),
  }
}
