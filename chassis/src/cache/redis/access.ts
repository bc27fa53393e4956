import { dependencyDown } from '../../errors/index.ts'
import type { Arbiter, CacheTimes, ControlRow } from '../port.ts'
import { openRedisConnection } from './connection.ts'
import type { RedisConnection } from './connection.ts'
import { createControl } from './control.ts'
import { createView } from './view.ts'
import type { View } from './view.ts'

/** The Redis that is the cache, as far as this process may use it. */
export type RedisAccess = Pick<RedisConnection, 'client'> &
  Pick<View, 'readable' | 'permit' | 'writable'> & {
    /** Finds out again what may be used; rejects with `dependency_down` where Redis does not reply. */
    refresh(): Promise<void>
    /** Rejects with `dependency_down` unless this Redis is the cache, or is about to be. */
    ping(): Promise<void>
    close(): void
    stats(): { readonly mode: ControlRow['mode']; readonly epoch: number }
  }

export function openRedisAccess(options: {
  url: string
  namespace: string
  arbiter: Arbiter
  times: CacheTimes
}): RedisAccess {
  const { url, namespace, arbiter, times } = options
  const recordKeyOf = (generation: string) => `quintet:${namespace}:${generation}`
  const view = createView(recordKeyOf, times)
  const connection = openRedisConnection({
    url,
    recordKeyOf,
    onChange: view.connect,
    onReady: () => void control.poll(),
  })
  const control = createControl({ arbiter, connection, view, times })
  void control.poll()

  async function refresh(): Promise<void> {
    await connection.refresh(view.row()?.generation ?? '')
    await control.poll()
  }

  return {
    client: connection.client,
    readable: view.readable,
    permit: view.permit,
    writable: view.writable,
    refresh,
    async ping() {
      await connection.ping()
      if (view.permit() === undefined) await refresh()
      if (view.permit() === undefined && !view.isComing())
        throw dependencyDown('Another server is the cache, or the database does not say which one is.')
    },
    close() {
      control.close()
      connection.close()
    },
    stats: () => ({
      mode: view.isMatched() ? (view.row()?.mode ?? 'none') : 'none',
      epoch: view.row()?.epoch ?? 0,
    }),
  }
}
