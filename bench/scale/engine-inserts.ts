import { DatabaseSync } from 'node:sqlite'
import type { Load } from '../load.ts'
import { runPinned } from '../pinning.ts'
import { runPgbench } from '../postgres-tools.ts'
import { quantileOf } from '../quantile.ts'

export type Sample = Pick<Load, 'rps' | 'p50Ms' | 'p99Ms' | 'errors'>

/** What the engine itself reaches: rows that are inserted into the table of GUIDs and its indexes, and nothing else. */
export async function engineInserts(
  url: string,
  options: { seconds: number; connections: number },
): Promise<Sample> {
  if (url.startsWith('sqlite:')) return insertIntoSqlite(url, options)
  return runPgbench(url, script, options)
}

/** In a process of its own, each transaction with a row for each connection, as a group commit has. */
async function insertIntoSqlite(
  url: string,
  { seconds, connections }: { seconds: number; connections: number },
): Promise<Sample> {
  const words = [import.meta.filename, url.slice('sqlite:'.length), String(seconds), String(connections)]
  return JSON.parse(await runPinned(process.execPath, words, seconds, 'server'))
}

if (process.argv[1] === import.meta.filename) {
  const [path = '', seconds, rows] = process.argv.slice(2)
  const db = new DatabaseSync(path, { timeout: 5_000 })
  db.exec('pragma journal_mode = wal; pragma synchronous = full')
  const insert = db.prepare(
    'insert into guid (guid, user, expire, version) values (hex(randomblob(16)), ?, 9999999999, ?)',
  )
  const durationsMs: number[] = []
  let count = 0
  const startedAt = performance.now()
  for (let beganAt = startedAt; beganAt < startedAt + Number(seconds) * 1_000; ) {
    db.exec('begin immediate')
    for (let i = 0; i < Number(rows); i++, count++)
      insert.run(`user-${count % 1_000}`, 1_800_000_000_000_000 + count)
    db.exec('commit')
    const endedAt = performance.now()
    durationsMs.push(endedAt - beganAt)
    beganAt = endedAt
  }
  const rps = (count * 1_000) / (performance.now() - startedAt)
  const [p50Ms, p99Ms] = [quantileOf(durationsMs, 0.5), quantileOf(durationsMs, 0.99)]
  process.stdout.write(JSON.stringify({ rps, p50Ms, p99Ms, errors: 0 } satisfies Sample))
}

const script = `\\set n random(0, 999)
insert into guid (guid, "user", expire, version)
values (upper(replace(gen_random_uuid()::text, '-', '')), 'user-' || :n, 9999999999, 1800000000000000);`
