import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { freshPostgres } from './engines.ts'
import { runPinned } from './pinning.ts'
import { quantileOf } from './quantile.ts'
import { removeOnExit } from './remove-on-exit.ts'
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
  const folder = mkdtempSync(join(import.meta.dirname, '..', 'data', 'pgbench-'))
  removeOnExit(folder)
  try {
    const file = join(folder, 'script.sql')
    writeFileSync(file, script)
    const log = ['--log', `--log-prefix=${join(folder, 'log')}`]
    const load = ['-c', `${connections}`, '-j', '2', '-T', `${seconds}`, ...log, '-f', file, url]
    const output = await runPinned(findPgbench(), ['-n', '-M', 'prepared', ...load], seconds, 'anywhere')
    const rps = Number(/tps = ([\d.]+)/.exec(output)?.[1])
    const failed = Number(/number of failed transactions: (\d+)/.exec(output)?.[1] ?? 0)
    const latenciesMs = readLatencies(folder)
    const [p50Ms, p99Ms] = [quantileOf(latenciesMs, 0.5), quantileOf(latenciesMs, 0.99)]
    return { requests: rps * seconds, rps, p50Ms, p99Ms, bytes: 0, errors: failed }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The third field of a line is the time that a transaction took, in microseconds. */
function readLatencies(folder: string): number[] {
  return globSync(join(folder, 'log.*')).flatMap((file) =>
    readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => Number(line.split(' ')[2]) / 1_000),
  )
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
