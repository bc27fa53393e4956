import { globSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { freshPostgres } from './engines.ts'
import { runPinned } from './pinning.ts'
import type { Tool } from './rows.ts'

/** PostgreSQL's own benchmark, pgbench: prepared statements, one row each, on a text key like guid's. */

const inserts =
  "insert into record (id, owner, expire) values (replace(gen_random_uuid()::text, '-', ''), 'user-1', 9999999999);"
const selects = '\\set n random(1, 1000)\nselect id, owner, expire from record where id = md5((:n)::text);'

/** One row per transaction. */
export const insertRows: Tool = (options) => pgbench(inserts, options)

/** One of 1,000 rows by its key. */
export const selectRows: Tool = (options) => pgbench(selects, options)

let prepared: Promise<string> | undefined

async function pgbench(script: string, options: Parameters<Tool>[0]): ReturnType<Tool> {
  prepared ??= prepare()
  return runPgbench(await prepared, script, options)
}

/** Runs a script of pgbench, with prepared statements, on a database. */
export async function runPgbench(
  url: string,
  script: string,
  { seconds, connections }: Parameters<Tool>[0],
): ReturnType<Tool> {
  const file = join(import.meta.dirname, '..', 'data', `pgbench-${process.pid}.sql`)
  writeFileSync(file, script)
  const load = ['-c', `${connections}`, '-j', '2', '-T', `${seconds}`, '-f', file, url]
  const output = await runPinned(findPgbench(), ['-n', '-M', 'prepared', ...load], seconds, 'anywhere')
  const rps = Number(/tps = ([\d.]+)/.exec(output)?.[1])
  const latencyMs = Number(/latency average = ([\d.]+)/.exec(output)?.[1])
  const failed = Number(/number of failed transactions: (\d+)/.exec(output)?.[1] ?? 0)
  return { requests: rps * seconds, rps, p50Ms: latencyMs, p99Ms: Number.NaN, bytes: 0, errors: failed }
}

async function prepare(): Promise<string> {
  const url = await freshPostgres('bench_pgbench')
  const client = new pg.Client(url)
  await client.connect()
  await client.query(
    'create table record (id varchar(32) primary key, owner varchar(256) not null, expire bigint not null)',
  )
  await client.query(
    "insert into record select md5(n::text), 'user-1', 9999999999 from generate_series(1, 1000) n",
  )
  await client.end()
  return url
}

/** Debian installs it outside PATH, next to the server's programs. */
function findPgbench(): string {
  return globSync('/usr/lib/postgresql/*/bin/pgbench').toSorted().at(-1) ?? 'pgbench'
}
