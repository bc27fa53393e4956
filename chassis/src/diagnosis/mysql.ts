import mysql from 'mysql2/promise'
import { broken, good, weak } from './index.ts'
import type { Finding } from './index.ts'

/** MySQL or MariaDB: InnoDB that waits for its disk, and refuses what it would have to cut. */
export async function diagnoseMysql(url: string): Promise<Finding[]> {
  const connection = await mysql.createConnection({ uri: url, connectTimeout: 5_000 })
  try {
    const settings = await readSettings(connection)
    return [
      good(`${isMariaDb(settings) ? 'MariaDB' : 'MySQL'} ${settings.get('version')} answers.`),
      writesOf(settings),
      durabilityOf(settings),
      strictnessOf(settings),
    ]
  } finally {
    await connection.end().catch(() => {})
  }
}

type Settings = ReadonlyMap<string, string>

async function readSettings(connection: mysql.Connection): Promise<Settings> {
  const names = [
    'innodb_flush_log_at_trx_commit',
    'log_bin',
    'read_only',
    'sql_mode',
    'sync_binlog',
    'version',
  ]
  const [rows] = await connection.execute<mysql.RowDataPacket[]>(
    `show variables where variable_name in (${names.map(() => '?').join(', ')})`,
    names,
  )
  return new Map(rows.map((row) => [String(row.Variable_name).toLowerCase(), String(row.Value)]))
}

function isMariaDb(settings: Settings): boolean {
  return /mariadb/i.test(settings.get('version') ?? '')
}

function writesOf(settings: Settings): Finding {
  return settings.get('read_only') === 'ON'
    ? broken('read_only is on: it is a replica, or closed for writes. Give the address of the primary.')
    : good('It takes writes.')
}

function durabilityOf(settings: Settings): Finding {
  if (settings.get('innodb_flush_log_at_trx_commit') !== '1')
    return broken(
      'innodb_flush_log_at_trx_commit is not 1: what was answered can be lost when the server fails.',
    )
  if (settings.get('log_bin') === 'ON' && settings.get('sync_binlog') !== '1')
    return weak('sync_binlog is not 1: after a crash the replicas can lack what was answered.')
  return good('A commit waits for the disk (innodb_flush_log_at_trx_commit is 1).')
}

function strictnessOf(settings: Settings): Finding {
  return /STRICT_(ALL|TRANS)_TABLES/.test(settings.get('sql_mode') ?? '')
    ? good('sql_mode is strict: a value that does not fit is refused.')
    : weak('sql_mode is not strict on the server; connections of the services set it for themselves.')
}
