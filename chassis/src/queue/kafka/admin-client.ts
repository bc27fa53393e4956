import { Admin } from '@platformatic/kafka'
import type { BaseOptions } from '@platformatic/kafka'
import { watchLiveness } from '../../concurrency/liveness.ts'
import { dependencyDown } from '../../errors/index.ts'
import { withResponse } from './response.ts'

const pingTimeoutMs = 1_000

/**
 * A client for requests about topics and groups. It keeps a connection on which requests time out, so it is replaced when the
 * brokers do not respond.
 */
export function openAdminClient(options: BaseOptions) {
  let admin = new Admin(options)
  const silenceListeners = new Set<() => void>()
  let stopWatching = watch()
  let closed = false

  function watch(): () => void {
    return watchLiveness({ ping: () => readMetadata(admin), onSilent: replace })
  }

  function replace(): void {
    const silent = admin
    admin = new Admin(options)
    for (const listener of silenceListeners) listener()
    stopWatching = watch()
    void silent.close().catch(() => {})
  }

  async function request<T>(send: () => Promise<T>, timeoutMs: number): Promise<T> {
    if (closed) throw dependencyDown('The queue is closed.')
    return withResponse(send(), timeoutMs)
  }

  return {
    /** The client now; another one once it was replaced. */
    current: () => admin,

    /** Sends a request; rejects with `dependency_down` when it is not answered in time. */
    request,

    /** Calls the listener when the brokers do not respond any more, for connections of other clients. */
    onSilence(listener: () => void): () => void {
      silenceListeners.add(listener)
      return () => void silenceListeners.delete(listener)
    },

    async ping(): Promise<void> {
      await request(() => readMetadata(admin), pingTimeoutMs)
    },

    async close(): Promise<void> {
      closed = true
      stopWatching()
      await admin.close().catch(() => {})
    },
  }
}

function readMetadata(admin: Admin): Promise<unknown> {
  return admin.metadata({ topics: [], forceUpdate: true })
}
