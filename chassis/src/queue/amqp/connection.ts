import { connect } from 'amqplib'
import type { ChannelModel } from 'amqplib'
import { withTimeout } from '../../clock/index.ts'
import { watchLiveness } from '../../concurrency/liveness.ts'
import { createReconnection } from '../../concurrency/reconnection.ts'
import { AppError, dependencyDown } from '../../errors/index.ts'
import { openChannel } from './topology.ts'

const connectTimeoutMs = 2_000
const closeTimeoutMs = 2_000
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
  let opened: Opened | undefined
  let fault: unknown
  let isBlocked = false
  let isClosed = false
  const reconnection = createReconnection({
    open: () => open(url),
    onOpen: use,
    onFailure: (error) => lose(error),
    close: (late) => void end(late),
  })
  reconnection.start()

  function use(one: Opened): void {
    const { model } = one
    opened = one
    isBlocked = false
    const stopWatching = watch(one)
    model.on('blocked', () => {
      isBlocked = true
    })
    model.on('unblocked', () => {
      isBlocked = false
    })
    model.on('close', (error) => {
      stopWatching()
      lose(error)
      if (!isClosed) reconnection.start()
    })
    attempted.resolve()
    for (const listener of listeners) listener(model)
  }

  /** Pings by a request that changes nothing, on a channel of its own. A broker that blocks publishers reads nothing from them. */
  function watch({ model, destroy }: Opened): () => void {
    const channel = openChannel(model)
    channel.catch(() => {})
    return watchLiveness({
      ping: async () => (isBlocked ? undefined : (await channel).prefetch(0)),
      isExempt: () => isBlocked,
      onSilent: destroy,
    })
  }

  function lose(error: unknown): void {
    opened = undefined
    fault = error
    attempted.resolve()
  }

  async function current(): Promise<ChannelModel> {
    if (opened === undefined && !isClosed) await attempted.promise
    if (isClosed) throw dependencyDown('The queue is closed.')
    if (opened === undefined) throw dependencyDown('The message broker does not respond.', fault)
    if (isBlocked) throw new AppError('dependency_down', 'The message broker is out of memory or disk space.')
    return opened.model
  }

  return {
    current,
    onConnection(listener) {
      listeners.push(listener)
      if (opened !== undefined) listener(opened.model)
    },
    async ping() {
      await current()
    },
    async close() {
      if (isClosed) return
      isClosed = true
      attempted.resolve()
      reconnection.stop()
      if (opened !== undefined) await end(opened)
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

/** The client's own `close` waits for ever for a response that never comes. */
async function end({ model, destroy }: Opened): Promise<void> {
  await withTimeout(closeTimeoutMs, model.close()).catch(destroy)
}

/** Two missed heartbeats end a connection whose other side has gone silently. */
function withHeartbeat(url: string): string {
  const changed = new URL(url)
  if (!changed.searchParams.has('heartbeat')) changed.searchParams.set('heartbeat', String(heartbeatSeconds))
  return changed.href
}
