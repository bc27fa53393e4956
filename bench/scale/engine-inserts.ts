import { DatabaseSync } from 'node:sqlite'
import { runPinned } from '../pinning.ts'
import { runPgbench } from '../postgres-tools.ts'

/** What the engine itself reaches: rows per second that are inserted into the table of GUIDs and its indexes, and nothing else. */
export async function engineInserts(
  url: string,
  options: { seconds: number; connections: number },
): Promise<number> {
  if (url.startsWith('sqlite:')) return insertIntoSqlite(url, options)
  return (await runPgbench(url, script, options)).rps
}

/** In a process of its own, each transaction with a row for each connection, as a group commit has. */
async function insertIntoSqlite(
  url: string,
  { seconds, connections }: { seconds: number; connections: number },
): Promise<number> {
  const words = [import.meta.filename, url.slice('sqlite:'.length), String(seconds), String(connections)]
  return Number(await runPinned(process.execPath, words, seconds, 'server'))
}

if (process.argv[1] === import.meta.filename) {
  const [path = '', seconds, rows] = process.argv.slice(2)
  const db = new DatabaseSync(path, { timeout: 5_000 })
  db.exec('pragma journal_mode = wal; pragma synchronous = full')
  const insert = db.prepare(
    'insert into guid (guid, user, expire, version) values (hex(randomblob(16)), ?, 9999999999, ?)',
  )
  let count = 0
  const endsAt = performance.now() + Number(seconds) * 1_000
  while (performance.now() < endsAt) {
    db.exec('begin immediate')
    for (let i = 0; i < Number(rows); i++, count++)
      insert.run(`user-${count % 1_000}`, 1_800_000_000_000_000 + count)
    db.exec('commit')
  }
  process.stdout.write(String(count / Number(seconds)))
}

const script = `\\set n random(0, 999)
insert into guid (guid, "user", expire, version)
values (upper(replace(gen_random_uuid()::text, '-', '')), 'user-' || :n, 9999999999, 1800000000000000);`
