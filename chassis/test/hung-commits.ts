import pg from 'pg'

/** Lets commits on a PostgreSQL server hang, as while its synchronous standby is away: they wait, and are not visible. */
export async function hangCommits(url: string): Promise<{
  /** The sessions whose commits hang. */
  count(): Promise<number>
  /** Ends the hang: the commits are made. */
  release(): Promise<void>
}> {
  const admin = new pg.Client(Object.assign(new URL(url), { pathname: '/postgres' }).href)
  admin.on('error', () => {})
  await admin.connect()
  const setStandby = async (name: string) => {
    await admin.query(`alter system set synchronous_standby_names = '${name}'`)
    await admin.query('select pg_reload_conf()')
  }
  await setStandby('nobody')
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
