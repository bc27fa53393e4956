import { createClient } from '@redis/client'
import { openSession } from '@quintet/chassis/testing/held-rows'
import { hangCommits } from '@quintet/chassis/testing/hung-commits'
import { createConnection } from 'mysql2/promise'
import type { RowDataPacket } from 'mysql2/promise'
import type { FaultyEngine } from './faulty-engine.ts'
import { fault, repeatedly } from './fault.ts'
import type { Fault } from './fault.ts'

/** Faults that an engine makes itself, or its operators do. */

const terminateEveryMs = 500

/** Terminates the sessions of all clients of PostgreSQL, MySQL or RabbitMQ, and again those that they open meanwhile. */
export function terminatedSessions({ engine }: FaultyEngine): Fault {
  return repeatedly('terminate', terminateEveryMs, () => {
    if (engine.url.startsWith('postgres')) return terminateOnPostgres(engine.url)
    return engine.url.startsWith('mysql') ? terminateOnMysql(engine.url) : engine.closeConnections()
  })
}

/** Locks a table of a PostgreSQL or MySQL database against readers and writers. */
export function lockedTable(databaseUrl: string, table: string): Fault {
  const statements = databaseUrl.startsWith('postgres')
    ? ['begin', `lock table "${table}" in access exclusive mode`]
    : [`lock tables \`${table}\` write`]
  let session: Awaited<ReturnType<typeof openSession>> | undefined
  return fault(
    'lock',
    async () => {
      session = await openSession(databaseUrl)
      for (const statement of statements) await session.execute(statement)
    },
    () => session?.end(),
  )
}

/** The synchronous standby of a PostgreSQL server is away: commits hang, and are made when the fault ends. */
export function absentStandby({ engine }: FaultyEngine): Fault {
  let hung: Awaited<ReturnType<typeof hangCommits>> | undefined
  return fault(
    'standby away',
    async () => {
      hung = await hangCommits(engine.url)
    },
    () => hung?.release(),
  )
}

/** Redis is emptied. */
export function flushedRedis({ engine }: FaultyEngine): Fault {
  return fault('flush', async () => {
    const client = createClient({ url: engine.url })
    client.on('error', () => {})
    await client.connect()
    await client.flushAll()
    client.destroy()
  })
}

/** The address leads to another server of the kind, and back to the first when the fault ends. */
export function swappedEngine({ engine, proxy }: FaultyEngine, other: { readonly url: string }): Fault {
  return fault(
    'swap',
    () => proxy.forwardTo(other.url),
    () => proxy.forwardTo(engine.url),
  )
}

async function terminateOnPostgres(url: string): Promise<void> {
  const session = await openSession(url)
  await session.execute(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where usename = current_user and backend_type = 'client backend' and pid <> pg_backend_pid()`,
  )
  await session.end()
}

async function terminateOnMysql(url: string): Promise<void> {
  const connection = await createConnection(url)
  const [sessions] = await connection.query<RowDataPacket[]>(
    'select id from information_schema.processlist where user = substring_index(user(), ?, 1) and id <> connection_id()',
    ['@'],
  )
  // One that has ended meanwhile cannot be killed.
  for (const { id } of sessions) await connection.query('kill ?', [id]).catch(() => {})
  await connection.end()
}
