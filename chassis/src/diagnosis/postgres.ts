import pg from 'pg'
import { broken, good, weak } from './port.ts'
import type { Finding } from './port.ts'

const versionMin = 140_000
const connectionsMin = 100

/** PostgreSQL: a primary that acknowledges a commit only when it is on disk. */
export async function diagnosePostgres(url: string): Promise<Finding[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    const settings = await readSettings(client)
    return [
      versionOf(settings),
      await isPrimary(client),
      durabilityOf(settings),
      await standbysOf(client, settings),
      connectionsOf(settings),
    ]
  } finally {
    await client.end().catch(() => {})
  }
}

type Settings = ReadonlyMap<string, string>

async function readSettings(client: pg.Client): Promise<Settings> {
  const { rows } = await client.query<{ name: string; setting: string }>(
    'select name, setting from pg_settings where name = any($1)',
    [
      [
        'fsync',
        'full_page_writes',
        'synchronous_commit',
        'synchronous_standby_names',
        'max_connections',
        'server_version',
        'server_version_num',
      ],
    ],
  )
  return new Map(rows.map(({ name, setting }) => [name, setting]))
}

function versionOf(settings: Settings): Finding {
  const version = `PostgreSQL ${settings.get('server_version')}`
  return Number(settings.get('server_version_num')) >= versionMin
    ? good(`${version} answers.`)
    : weak(`${version} is older than 14, the oldest version that is tested.`)
}

async function isPrimary(client: pg.Client): Promise<Finding> {
  const { rows } = await client.query<{ standby: boolean; read_only: string }>(
    "select pg_is_in_recovery() as standby, current_setting('default_transaction_read_only') as read_only",
  )
  const [{ standby, read_only } = { standby: false, read_only: 'off' }] = rows
  if (standby)
    return broken(
      'It is a standby: reads would be stale and writes are refused. Give the address of the primary.',
    )
  if (read_only === 'on') return broken('default_transaction_read_only is on: no write can succeed.')
  return good('It is a primary and accepts writes.')
}

function durabilityOf(settings: Settings): Finding {
  const off = ['fsync', 'full_page_writes', 'synchronous_commit'].filter(
    (name) => settings.get(name) === 'off',
  )
  return off.length === 0
    ? good('A commit waits for the disk (fsync, full_page_writes and synchronous_commit are on).')
    : broken(`${off.join(' and ')} off: acknowledged writes can be lost when the server fails.`)
}

async function standbysOf(client: pg.Client, settings: Settings): Promise<Finding> {
  const { rows } = await client.query<{ count: number }>(
    "select count(*)::int as count from pg_stat_replication where sync_state = 'async'",
  )
  const isAsynchronous = (rows[0]?.count ?? 0) > 0 && settings.get('synchronous_standby_names') === ''
  return isAsynchronous
    ? weak('Its standbys follow asynchronously: a failover to one of them can lose acknowledged writes.')
    : good('No asynchronous standby could take over without acknowledged writes.')
}

function connectionsOf(settings: Settings): Finding {
  const connections = Number(settings.get('max_connections'))
  return connections >= connectionsMin
    ? good(`max_connections is ${connections}; each process of a service uses at most 16.`)
    : weak(`max_connections is ${connections}; each process of a service uses up to 16.`)
}
