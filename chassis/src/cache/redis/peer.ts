import { TimeoutError, withTimeout } from '../../clock/index.ts'

const replyTimeoutMs = 2_000

/** The Redis at the other end of a connection, as it was read last. */
export type Peer = {
  /** It changes with each start of a server. */
  readonly runId: string
  /** The generation that was looked for, if its record is there; else ''. */
  readonly generation: string
}

export type PeerReader = {
  /** Undefined while Redis is unavailable or has not been read yet. */
  peer(): Peer | undefined
  /**
   * Reads the peer again and looks for the record of a generation, once for all concurrent callers; rejects with
   * `dependency_down` where Redis does not reply.
   */
  refresh(generation: string): Promise<Peer>
  /** Adds the record of a new generation; false where the peer may be another one by now. */
  addRecord(peer: Peer, generation: string): Promise<boolean>
}

/** Reads which Redis is at the other end of a connection; `lose` must be called whenever that may be another one. */
export function createPeerReader({
  client,
  recordKeyOf,
  onChange,
  prepare,
  unavailable,
}: {
  client: {
    info(section: 'server'): Promise<string>
    get(key: string): Promise<string | null>
    set(key: string, value: string): Promise<unknown>
  }
  recordKeyOf(generation: string): string
  /** The peer was read or lost. */
  onChange(peer: Peer | undefined): void
  /** Resolves when the client may be used, and rejects if it may not. */
  prepare(): Promise<void>
  /** The error for callers where Redis does not reply. */
  unavailable(cause: unknown): Error
}): PeerReader & { lose(): void } {
  let peer: Peer | undefined
  let refreshing: { readonly generation: string; readonly done: Promise<Peer> } | undefined

  function change(found: Peer | undefined): void {
    peer = found
    onChange(found)
  }

  function refresh(generation: string): Promise<Peer> {
    if (refreshing?.generation === generation) return refreshing.done
    const done = withTimeout(replyTimeoutMs, read(generation))
      .catch((error: unknown) => {
        throw error instanceof TimeoutError ? unavailable(error) : error
      })
      .finally(() => {
        if (refreshing?.done === done) refreshing = undefined
      })
    refreshing = { generation, done }
    return done
  }

  async function read(generation: string): Promise<Peer> {
    await prepare()
    try {
      const key = recordKeyOf(generation)
      // On one connection, in this order: a Redis that was emptied in between has no record.
      const [info, record] = await Promise.all([client.info('server'), client.get(key)])
      const runId = /^run_id:(\w+)/m.exec(info)?.[1]
      if (runId === undefined) throw new Error('The server does not state its run id.')
      const found = { runId, generation: record === generation ? generation : '' }
      change(found)
      return found
    } catch (error) {
      throw unavailable(error)
    }
  }

  return {
    peer: () => peer,
    refresh,
    async addRecord(expected, generation) {
      if (peer !== expected) return false
      await withTimeout(replyTimeoutMs, client.set(recordKeyOf(generation), generation))
      if (peer !== expected) return false
      change({ ...expected, generation })
      return true
    },
    lose: () => change(undefined),
  }
}
