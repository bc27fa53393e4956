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
  await setStandby('nobody')
  await untilCommitsHang(href, admin)
  return {
    async count() {
      const { rows } = await admin.query<{ count: number }>(
        "select count(*)::integer as count from pg_stat_activity where wait_event = 'SyncRep'",
      )
      return rows[0]?.count ?? 0
    },
    async release() {
      await setStandby('')
      await admin.end()
    },
  }
}

/** The server reads its configuration some time after `pg_reload_conf` has returned; once a commit made here hangs, it has. */
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
  while ((await admin.query(hangs, [pid, 'SyncRep'])).rowCount === 0) await pause(5)
  isOver = true
  // It is committed here, and its session does not wait for the standby any more.
  await admin.query('select pg_cancel_backend($1)', [pid])
  await committing
  await other.end()
}
