import mysql from 'mysql2/promise'
import type { Connection, RowDataPacket } from 'mysql2/promise'
import { connectionOptions } from '../database/mysql/connection.ts'
import { broken, good, weak } from './port.ts'
import type { Finding } from './port.ts'

const connectionsMin = 100
/** What a process takes at most: its connections, and what is prepared on each of them. */
const connectionsPerProcess = 16
const statementsMin = 10_000
const bytesMin = 4_194_304

/** MySQL or MariaDB: a server that is written to, and waits for its disk before it says that something is committed. */
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

/** The database may not be made yet. */
function serverOptions(url: string) {
  const { database, ...options } = connectionOptions(url)
  return { ...options, connectTimeout: 5_000 }
}

/** Both have some that the other has not. */
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
    return broken(`${closed.join(' and ')} on: it is a replica, or closed. Give the address of the primary.`)
  // Each node of a cluster answers from what it has applied.
  if (isOn(settings.get('wsrep_on')) && settings.get('wsrep_sync_wait') === '0')
    return weak('It is a node of a Galera cluster: reads are current only where all services use this one.')
  return good('It takes writes.')
}

/** No session can ask for more than the server is set to. */
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
    : broken(`${faults.join(' and ')}: what was answered can be lost when the server fails.`)
}

function binaryLogOf(settings: Settings): Finding {
  if (!isOn(settings.get('log_bin')))
    return good('It keeps no binary log that a commit would have to wait for.')
  if (settings.get('binlog_format') === 'STATEMENT')
    return broken('binlog_format is STATEMENT, under which no write is taken. Set ROW or MIXED.')
  return settings.get('sync_binlog') === '1'
    ? good('The binary log waits for the disk too (sync_binlog is 1).')
    : weak(
        `sync_binlog is ${settings.get('sync_binlog')}, not 1: after a failure replicas, and backups by the binary log, can lack answered writes.`,
      )
}

/** Without the privilege PROCESS none are seen. */
async function replicasOf(connection: Connection, settings: Settings): Promise<Finding> {
  const [rows] = await connection.query<RowDataPacket[]>(
    "select count(*) as count from information_schema.processlist where command like 'Binlog Dump%'",
  )
  const isSynchronous = ['rpl_semi_sync_master_enabled', 'rpl_semi_sync_source_enabled'].some((name) =>
    isOn(settings.get(name)),
  )
  return Number(rows[0]?.count) > 0 && !isSynchronous
    ? weak('Its replicas follow asynchronously: a failover to one of them can lose answered writes.')
    : good('No asynchronous replica is seen that could take over with less than was answered.')
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
    ? good('Texts are compared exactly.')
    : broken(
        `Texts are not compared exactly in ${rows.map(({ name }) => String(name)).join(', ')}: their collation must be utf8mb4_0900_bin (MySQL) or utf8mb4_nopad_bin (MariaDB).`,
      )
}

function waitsOf(settings: Settings): Finding {
  return isOn(settings.get('innodb_deadlock_detect') ?? 'ON')
    ? good('Deadlocks are seen at once, and the units that they undo are tried again.')
    : weak(
        'innodb_deadlock_detect is off: units that deadlock wait for a second before they are tried again.',
      )
}

function connectionsOf(settings: Settings): Finding {
  const few = [
    { name: 'max_connections', least: connectionsMin },
    { name: 'max_prepared_stmt_count', least: statementsMin },
    { name: 'max_allowed_packet', least: bytesMin },
  ].filter(({ name, least }) => Number(settings.get(name)) < least)
  return few.length === 0
    ? good(
        `max_connections is ${settings.get('max_connections')}; each process of a service takes ${connectionsPerProcess} at most.`,
      )
    : weak(few.map(({ name, least }) => `${name} is ${settings.get(name)}, less than ${least}`).join('; '))
}
