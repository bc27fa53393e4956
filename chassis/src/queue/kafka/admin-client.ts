import { Admin } from '@platformatic/kafka'
import type { BaseOptions } from '@platformatic/kafka'
import { withTimeout } from '../../clock/index.ts'
import { watchLiveness } from '../../concurrency/liveness.ts'
import { createReconnection } from '../../concurrency/reconnection.ts'
import { dependencyDown } from '../../errors/index.ts'
import { withResponse } from './response.ts'

const pingTimeoutMs = 1_000
const attemptTimeoutMs = 3_000

/** A broker that has just started responds slowly at first. */
const startMs = 5_000

/** `wasUp` is false for brokers that were down until lately, since those may be about to start. */
type SilenceListener = (wasUp: boolean) => void

/**
 * A client for requests about topics and groups. It keeps a connection on which requests time out, so when the brokers do not
 * respond, others are opened, until one of them gets a response and takes its place; requests are refused meanwhile.
 */
export function openAdminClient(options: BaseOptions) {
  let admin = new Admin(options)
  const silenceListeners = new Set<SilenceListener>()
  /** Since when the brokers have responded to each ping that has ended. */
  let upSince = Number.POSITIVE_INFINITY
  let isSilent = false
  let closed = false
  let stopWatching = watch(admin)
  const reconnection = createReconnection({ open, onOpen: use, onFailure: () => {}, close: discard })

  function watch(watched: Admin): () => void {
    return watchLiveness({ ping: () => pingBy(watched), onSilent })
  }

  async function pingBy(watched: Admin): Promise<void> {
    try {
      await readMetadata(watched)
    } catch (error) {
      upSince = Number.POSITIVE_INFINITY
      throw error
    }
    upSince = Math.min(upSince, performance.now())
    // It was slow, and not silent.
    if (isSilent && watched === admin && !closed) use(watched)
  }

  function onSilent(): void {
    isSilent = true
    for (const listener of silenceListeners) listener(performance.now() - upSince > startMs)
    reconnection.start()
  }

  async function open(): Promise<Admin> {
    const opened = new Admin(options)
    try {
      await withTimeout(attemptTimeoutMs, readMetadata(opened))
      return opened
    } catch (error) {
      discard(opened)
      throw error
    }
  }

  function use(opened: Admin): void {
    reconnection.stop()
    if (opened !== admin) discard(admin)
    admin = opened
    isSilent = false
    stopWatching = watch(opened)
  }

  async function request<T>(send: () => Promise<T>, timeoutMs: number): Promise<T> {
    if (closed) throw dependencyDown('The queue is closed.')
    if (isSilent) throw dependencyDown('Kafka does not respond.')
    return withResponse(send(), timeoutMs)
  }

  return {
    /** The client now; another one once it was replaced. */
    current: () => admin,

    /** Sends a request; rejects with `dependency_down` when it is not answered in time. */
    request,

    /** Calls the listener when the brokers do not respond, for connections of other clients; at once if they do not respond now. */
    onSilence(listener: SilenceListener): () => void {
      silenceListeners.add(listener)
      if (isSilent) listener(false)
      return () => void silenceListeners.delete(listener)
    },

    async ping(): Promise<void> {
      await request(() => readMetadata(admin), pingTimeoutMs)
    },

    async close(): Promise<void> {
      closed = true
      stopWatching()
      reconnection.stop()
      await admin.close().catch(() => {})
    },
  }
}

function readMetadata(admin: Admin): Promise<unknown> {
  return admin.metadata({ topics: [], forceUpdate: true })
}

function discard(admin: Admin): void {
  void admin.close().catch(() => {})
}
