import mysql from 'mysql2/promise'
import type { Connection, RowDataPacket } from 'mysql2/promise'
import { connectionOptions } from '../database/mysql/connection.ts'
import { broken, good, weak } from './port.ts'
import type { Finding } from './port.ts'

const connectionsMin = 100
/** The most that one process uses; statements are prepared per connection. */
const connectionsPerProcess = 16
const statementsMin = 10_000
const bytesMin = 4_194_304

/** MySQL or MariaDB: a writable server that acknowledges a commit only when it is on disk. */
export async function diagnoseMysql(url: string): Promise<Finding[]> {
  const connection = await mysql.createConnection(serverOptions(url))
  connection.on('error', () => {})
  try {
    const settings = await readSettings(connection)
    return [
      versionOf(settings),
      writableOf(settings),
      durabilityOf(settings),
      binaryLogOf(settings),
      await replicasOf(connection, settings),
      await collationOf(connection, url),
      waitsOf(settings),
      connectionsOf(settings),
    ]
  } finally {
    await connection.end().catch(() => {})
  }
}

type Settings = ReadonlyMap<string, string>

/** Without the database, which may not exist yet. */
function serverOptions(url: string) {
  const { database, ...options } = connectionOptions(url)
  return { ...options, connectTimeout: 5_000 }
}

/** MySQL and MariaDB each have variables that the other lacks, so all are read. */
async function readSettings(connection: Connection): Promise<Settings> {
  const [rows] = await connection.query<RowDataPacket[]>('show global variables')
  return new Map(
    rows.map(({ Variable_name: name, Value: value }) => [String(name).toLowerCase(), String(value)]),
  )
}

function versionOf(settings: Settings): Finding {
  const text = settings.get('version') ?? ''
  const isMariadb = /mariadb/i.test(text)
  const name = `${isMariadb ? 'MariaDB' : 'MySQL'} ${text.split('-')[0]}`
  const oldest = isMariadb ? [10, 6, 0] : [8, 0, 17]
  const isOld = isBelow(text.split(/[.-]/).slice(0, 3).map(Number), oldest)
  return isOld
    ? broken(`${name} is too old: it must be MySQL 8.0.17, MariaDB 10.6 or newer.`)
    : good(`${name} answers.`)
}

function isBelow(version: readonly number[], least: readonly number[]): boolean {
  const at = least.findIndex((number, i) => version[i] !== number)
  return at >= 0 && !((version[at] ?? 0) > (least[at] ?? 0))
}

const isOn = (value: string | undefined) => value !== undefined && /^(on|1|yes)$/i.test(value)

function writableOf(settings: Settings): Finding {
  const closed = ['read_only', 'super_read_only', 'innodb_read_only'].filter((name) =>
    isOn(settings.get(name)),
  )
  if (closed.length > 0)
    return broken(
      `${closed.join(' and ')} on: it is a replica, or read-only. Give the address of the primary.`,
    )
  // Each node of a Galera cluster reads from what it has applied so far.
  if (isOn(settings.get('wsrep_on')) && settings.get('wsrep_sync_wait') === '0')
    return weak('It is a node of a Galera cluster: reads are current only where all services use this one.')
  return good('It accepts writes.')
}

/** These are global: no session can be more durable than they are. */
function durabilityOf(settings: Settings): Finding {
  const faults = [
    ...(settings.get('innodb_flush_log_at_trx_commit') === '1'
      ? []
      : [`innodb_flush_log_at_trx_commit is ${settings.get('innodb_flush_log_at_trx_commit')}, not 1`]),
    ...(/^(off|0|detect_only)$/i.test(settings.get('innodb_doublewrite') ?? '')
      ? ['innodb_doublewrite is off']
      : []),
  ]
  return faults.length === 0
    ? good('A commit waits for the disk (innodb_flush_log_at_trx_commit is 1, innodb_doublewrite on).')
    : broken(`${faults.join(' and ')}: acknowledged writes can be lost when the server fails.`)
}

function binaryLogOf(settings: Settings): Finding {
  if (!isOn(settings.get('log_bin'))) return good('The binary log is off.')
  if (settings.get('binlog_format') === 'STATEMENT')
    return broken('binlog_format is STATEMENT, under which every write is refused. Set ROW or MIXED.')
  return settings.get('sync_binlog') === '1'
    ? good('The binary log is synced at each commit (sync_binlog is 1).')
    : weak(
        `sync_binlog is ${settings.get('sync_binlog')}, not 1: after a failure replicas, and backups by the binary log, can lack acknowledged writes.`,
      )
}

/** Replicas are visible only with the PROCESS privilege. */
async function replicasOf(connection: Connection, settings: Settings): Promise<Finding> {
  const [rows] = await connection.query<RowDataPacket[]>(
    "select count(*) as count from information_schema.processlist where command like 'Binlog Dump%'",
  )
  const isSynchronous = ['rpl_semi_sync_master_enabled', 'rpl_semi_sync_source_enabled'].some((name) =>
    isOn(settings.get(name)),
  )
  return Number(rows[0]?.count) > 0 && !isSynchronous
    ? weak('Its replicas follow asynchronously: a failover to one of them can lose acknowledged writes.')
    : good('No asynchronous replica was found that could take over without acknowledged writes.')
}

async function collationOf(connection: Connection, url: string): Promise<Finding> {
  const { database } = connectionOptions(url)
  const [rows] = await connection.query<RowDataPacket[]>(
    `select distinct table_name as name from information_schema.columns
    where table_schema = ? and collation_name not in ('utf8mb4_nopad_bin', 'utf8mb4_0900_bin')
    and table_name not like 'kysely\\_%' and data_type <> 'json'`,
    [database],
  )
  return rows.length === 0
    ? good('Text is compared exactly.')
    : broken(
        `Text is not compared exactly in ${rows.map(({ name }) => String(name)).join(', ')}: their collation must be utf8mb4_0900_bin (MySQL) or utf8mb4_nopad_bin (MariaDB).`,
      )
}

function waitsOf(settings: Settings): Finding {
  return isOn(settings.get('innodb_deadlock_detect') ?? 'ON')
    ? good('Deadlocks are detected at once, and the units that they roll back are retried.')
    : weak('innodb_deadlock_detect is off: units that deadlock wait for a second before they are retried.')
}

function connectionsOf(settings: Settings): Finding {
  const few = [
    { name: 'max_connections', minimum: connectionsMin },
    { name: 'max_prepared_stmt_count', minimum: statementsMin },
    { name: 'max_allowed_packet', minimum: bytesMin },
  ].filter(({ name, minimum }) => Number(settings.get(name)) < minimum)
  return few.length === 0
    ? good(
        `max_connections is ${settings.get('max_connections')}; each process of a service uses at most ${connectionsPerProcess}.`,
      )
    : weak(
        few.map(({ name, minimum }) => `${name} is ${settings.get(name)}, less than ${minimum}`).join('; '),
      )
}
