import { setTimeout as pause } from 'node:timers/promises'
import { dependencyDown } from '../../errors/index.ts'
import { runQuery } from './connection.ts'
import type { PostgresConnection } from './connection.ts'

const timeoutMs = 1_000
const pollMs = 50

/**
 * A unit has the id of its transaction before its deadline is checked for the last time, and keeps it until its commit is
 * visible, also while that waits for the disk or a synchronous standby, and after its client has gone. So once no
 * transaction is older than one that began after the deadline, the unit has taken effect or never will.
 */
export async function settle(connection: PostgresConnection): Promise<void> {
  const [id] = await query(connection, 'select txid_current()::text', [])
  for (const startedAt = performance.now(); performance.now() - startedAt < timeoutMs; await pause(pollMs)) {
    const [isSettled] = await query(
      connection,
      'select txid_snapshot_xmin(txid_current_snapshot()) >= $1::bigint',
      [id],
    )
    if (isSettled === true) return
  }
  throw dependencyDown('A transaction on the database server does not end.')
}

async function query(connection: PostgresConnection, text: string, values: unknown[]): Promise<unknown[]> {
  const { rows } = await connection.use((client) =>
    runQuery<unknown[]>(client, { text, values, rowMode: 'array' }),
  )
  return rows[0] ?? []
}
