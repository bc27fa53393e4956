import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'

/** Lets commits on a PostgreSQL server hang, as while its synchronous standby is away: they wait, and are not visible. */
export async function hangCommits(url: string): Promise<{
  /** The sessions whose commits hang. */
  count(): Promise<number>
  /** Ends the hang: the commits are made. */
  release(): Promise<void>
}> {
  const { href } = Object.assign(new URL(url), { pathname: '/postgres' })
  const admin = new pg.Client(href)
  admin.on('error', () => {})
  await admin.connect()
  const setStandby = async (name: string) => {
    await admin.query(`alter system set synchronous_standby_names = '${name}'`)
    await admin.query('select pg_reload_conf()')
  }
  const release = async () => {
    await setStandby('')
    await admin.end()
  }
  await setStandby('nobody')
  await untilCommitsHang(href, admin).catch(async (error: unknown) => {
    await release()
    throw error
  })
  return {
    async count() {
      const { rows } = await admin.query<{ count: number }>(
        "select count(*)::integer as count from pg_stat_activity where wait_event = 'SyncRep'",
      )
      return rows[0]?.count ?? 0
    },
    release,
  }
}

/** Far longer than the server takes to read its configuration. */
const hangsWithinMs = 10_000

/** The server reads its configuration some time after `pg_reload_conf` has returned; once a commit made here hangs, it has. Rejects if none does. */
async function untilCommitsHang(url: string, admin: pg.Client): Promise<void> {
  const other = new pg.Client(url)
  await other.connect()
  const { rows } = await other.query<{ pid: number }>('select pg_backend_pid() as pid')
  const pid = rows[0]?.pid
  let isOver = false
  const committing = (async () => {
    while (!isOver) await other.query("select pg_logical_emit_message(true, 'quintet', '')")
  })()
  const hangs = 'select 1 from pg_stat_activity where pid = $1 and wait_event = $2'
  const isHanging = async () => (await admin.query(hangs, [pid, 'SyncRep'])).rowCount === 1
  const deadlineMs = performance.now() + hangsWithinMs
  let hasHung = await isHanging()
  while (!hasHung && performance.now() < deadlineMs) {
    await pause(5)
    hasHung = await isHanging()
  }
  isOver = true
  // It is committed here, and its session does not wait for the standby any more.
  if (hasHung) await admin.query('select pg_cancel_backend($1)', [pid])
  await committing
  await other.end()
  if (!hasHung) throw new Error(`Within ${hangsWithinMs} ms no commit has hung.`)
}
