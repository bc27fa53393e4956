import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { skipReason } from '@quintet/backends'
import pg from 'pg'
import { workingTree } from '../checkout.ts'
import { freshPostgres, migrate } from '../engines.ts'
import { runPinned } from '../pinning.ts'

/** Guid's database on one engine, filled with rows. */
export type FilledDatabase = {
  readonly rows: number
  /** Some of its GUIDs, chosen at random. */
  readonly guids: readonly string[]
  /** The URL of the database; of a copy where so few rows would soon be outnumbered by those that are added. */
  take(): Promise<string>
}

export type ScaleEngine = {
  readonly name: string
  /** Why it cannot be measured. */
  readonly skipReason: false | string
  fill(rows: number, directory: string, progress: (run: string) => void): Promise<FilledDatabase>
}

const copiedRowsMax = 100_000
const guidsCount = 5_000
/** The rows come in so many runs, each in the order of its GUIDs: one run would leave every page of the index full, which no index that has grown is. */
const runsCount = 4
const fillSecondsMax = 3_600

export const sqlite: ScaleEngine = {
  name: 'SQLite',
  skipReason: false,
  async fill(rows, directory, progress) {
    const file = join(directory, `scale-${rows}.db`)
    await migrate('guid', { GUID_DATABASE_URL: `sqlite:${file}` }, workingTree)
    for (const [i, { first, last }] of runsOf(rows).entries()) {
      progress(runOf(i))
      const words = [join(import.meta.dirname, 'fill-sqlite.ts'), file, String(first), String(last)]
      await runPinned(process.execPath, words, fillSecondsMax, 'anywhere')
    }
    const db = new DatabaseSync(file, { readOnly: true })
    const guids = db
      .prepare('select guid from guid where id % max(1, ? / ?) = 0 limit ?')
      .all(rows, guidsCount, guidsCount)
      .map(({ guid }) => String(guid))
    db.close()
    let copies = 0
    return {
      rows,
      guids,
      async take() {
        if (rows > copiedRowsMax) return `sqlite:${file}`
        const copy = join(directory, `scale-${rows}-${copies++}.db`)
        copyFileSync(file, copy)
        return `sqlite:${copy}`
      },
    }
  },
}

export const postgres: ScaleEngine = {
  name: 'PostgreSQL',
  skipReason: skipReason('postgres'),
  async fill(rows, _, progress) {
    const name = `bench_scale_${rows}`
    const url = await freshPostgres(name)
    await migrate('guid', { GUID_DATABASE_URL: url }, workingTree)
    const guids = await onPostgres(url, async (client) => {
      for (const [i, { first, last }] of runsOf(rows).entries()) {
        progress(runOf(i))
        await client.query(
          `insert into guid (guid, "user", expire, version)
           select guid, 'user-' || (n % 1000), 9999999999, 1700000000000000 + n
           from (select n, upper(replace(gen_random_uuid()::text, '-', '')) as guid
                 from generate_series($1::bigint, $2::bigint) n order by guid) made`,
          [first, last],
        )
      }
      await client.query('vacuum analyze guid')
      const { rows: found } = await client.query<{ guid: string }>(
        'select guid from guid where id % greatest(1, $1::bigint / $2::bigint) = 0 limit $2::bigint',
        [rows, guidsCount],
      )
      return found.map(({ guid }) => guid)
    })
    return {
      rows,
      guids,
      take: async () => (rows > copiedRowsMax ? url : freshPostgres(`${name}_copy`, name)),
    }
  },
}

async function onPostgres<R>(url: string, work: (client: pg.Client) => Promise<R>): Promise<R> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

const runOf = (i: number) => `run ${i + 1} of ${runsCount}`

function runsOf(rows: number): { first: number; last: number }[] {
  const size = Math.ceil(rows / runsCount)
  return Array.from({ length: runsCount }, (_, i) => ({
    first: i * size + 1,
    last: Math.min(rows, (i + 1) * size),
  }))
}
