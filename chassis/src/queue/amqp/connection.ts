import { connect } from 'amqplib'
import type { ChannelModel } from 'amqplib'
import { watchLiveness } from '../../concurrency/liveness.ts'
import { createReconnection } from '../../concurrency/reconnection.ts'
import { AppError, dependencyDown } from '../../errors/index.ts'
import { openChannel } from './topology.ts'

const connectTimeoutMs = 2_000
const heartbeatSeconds = 10

/** A connection that is re-established after a failure, each time as a new `ChannelModel`. */
export type AmqpConnection = {
  /** Rejects with `dependency_down` while the broker is unavailable; waits for the first attempt to connect only. */
  current(): Promise<ChannelModel>
  /** Calls the listener with the current connection, if there is one, and with each later one. */
  onConnection(listener: (model: ChannelModel) => void): void
  ping(): Promise<void>
  close(): Promise<void>
}

/** A connection, and how to end it where the broker does not respond. */
type Opened = { readonly model: ChannelModel; destroy(): void }

export function openAmqpConnection(url: string): AmqpConnection {
  const listeners: ((model: ChannelModel) => void)[] = []
  const attempted = Promise.withResolvers<void>()
  let model: ChannelModel | undefined
  let fault: unknown
  let isBlocked = false
  let isClosed = false
  const reconnection = createReconnection({
    open: () => open(url),
    onOpen: use,
    onFailure: (error) => lose(error),
    close: ({ model: late }) => void late.close().catch(() => {}),
  })
  reconnection.start()

  function use({ model: opened, destroy }: Opened): void {
    model = opened
    isBlocked = false
    const stopWatching = watch(opened, destroy)
    opened.on('blocked', () => {
      isBlocked = true
    })
    opened.on('unblocked', () => {
      isBlocked = false
    })
    opened.on('close', (error) => {
      stopWatching()
      lose(error)
      if (!isClosed) reconnection.start()
    })
    attempted.resolve()
    for (const listener of listeners) listener(opened)
  }

  /** Pings by a request that changes nothing, on a channel of its own. A broker that blocks publishers reads nothing from them. */
  function watch(opened: ChannelModel, destroy: () => void): () => void {
    const channel = openChannel(opened)
    channel.catch(() => {})
    return watchLiveness({
      ping: async () => (isBlocked ? undefined : (await channel).prefetch(0)),
      isExempt: () => isBlocked,
      onSilent: destroy,
    })
  }

  function lose(error: unknown): void {
    model = undefined
    fault = error
    attempted.resolve()
  }

  async function current(): Promise<ChannelModel> {
    if (model === undefined && !isClosed) await attempted.promise
    if (isClosed) throw dependencyDown('The queue is closed.')
    if (model === undefined) throw dependencyDown('The message broker does not answer.', fault)
    if (isBlocked) throw new AppError('dependency_down', 'The message broker is out of memory or disk space.')
    return model
  }

  return {
    current,
    onConnection(listener) {
      listeners.push(listener)
      if (model !== undefined) listener(model)
    },
    async ping() {
      await current()
    },
    async close() {
      if (isClosed) return
      isClosed = true
      attempted.resolve()
      reconnection.stop()
      await model?.close().catch(() => {})
    },
  }
}

async function open(url: string): Promise<Opened> {
  const ending = new AbortController()
  const options = {
    noDelay: true,
    keepAlive: true,
    timeout: connectTimeoutMs,
    clientProperties: { connection_name: 'quintet' },
    signal: ending.signal,
  }
  const model = await connect(withHeartbeat(url), options)
  model.on('error', () => {})
  return { model, destroy: () => ending.abort() }
}

/** Two missed heartbeats end a connection whose other side has gone silently. */
function withHeartbeat(url: string): string {
  const changed = new URL(url)
  if (!changed.searchParams.has('heartbeat')) changed.searchParams.set('heartbeat', String(heartbeatSeconds))
  return changed.href
}
