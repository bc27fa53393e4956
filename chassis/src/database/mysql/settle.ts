import { setTimeout as pause } from 'node:timers/promises'
import { dependencyDown } from '../../errors/index.ts'
import { run } from './connection.ts'
import type { MysqlConnection } from './connection.ts'

/** Longer than a session may seem to be running a statement because times are whole seconds. */
const timeoutMs = 3_500
const pollMs = 100

/**
 * A unit's deadline is checked in the message that commits it, so one that may still take effect has a session that has been
 * running a statement since before the deadline: also while the commit waits for the disk or a replica, and after its client
 * has gone. The server shows a user its own sessions, and for how many whole seconds each has run its statement.
 */
export async function settle(connection: MysqlConnection): Promise<void> {
  for (const startedAt = performance.now(); performance.now() - startedAt < timeoutMs; await pause(pollMs)) {
    const seconds = Math.floor((performance.now() - startedAt) / 1_000)
    const { rows } = await connection.use((client) => run(client, sessionsRunningFor, [seconds]))
    if (rows.length === 0) return
  }
  throw dependencyDown('A statement on the database server does not end.')
}

/** The other sessions of this user, each by its id, that have been running a statement for a number of seconds. */
export const sessionsRunningFor = `select id from information_schema.processlist
where user = substring_index(user(), '@', 1) and command <> 'Sleep' and id <> connection_id() and time >= ?`
