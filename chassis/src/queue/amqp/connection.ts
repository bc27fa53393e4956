import { connect } from 'amqplib'
import type { ChannelModel } from 'amqplib'
import { AppError, dependencyDown } from '../../errors/index.ts'

const connectTimeoutMs = 2_000
const heartbeatSeconds = 10
const recovery = { initialDelay: 100, maxDelay: 5_000, jitter: 0.5, waitForConnect: false }

/** A connection that is re-established after a failure, each time as a new `ChannelModel`. */
export type AmqpConnection = {
  /** Rejects with `dependency_down` while the broker is unavailable; waits for the first attempt to connect only. */
  current(): Promise<ChannelModel>
  /** Calls the listener with the current connection, if there is one, and with each later one. */
  onConnection(listener: (model: ChannelModel) => void): void
  ping(): Promise<void>
  close(): Promise<void>
}

export async function openAmqpConnection(url: string): Promise<AmqpConnection> {
  const listeners: ((model: ChannelModel) => void)[] = []
  const attempted = Promise.withResolvers<void>()
  let model: ChannelModel | undefined
  let fault: unknown
  let isBlocked = false
  let isClosed = false
  const recovering = await connect(withHeartbeat(url), {
    noDelay: true,
    keepAlive: true,
    timeout: connectTimeoutMs,
    clientProperties: { connection_name: 'quintet' },
    recovery,
  })
  recovering.on('connect', (connected) => {
    model = connected
    isBlocked = false
    attempted.resolve()
    for (const listener of listeners) listener(connected)
  })
  const lose = (error: unknown) => {
    model = undefined
    fault = error
    attempted.resolve()
  }
  recovering.on('disconnect', lose)
  recovering.on('connect-failed', lose)
  recovering.on('error', () => {})
  recovering.on('blocked', () => {
    isBlocked = true
  })
  recovering.on('unblocked', () => {
    isBlocked = false
  })

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
      await recovering.close()
    },
  }
}

/** Two missed heartbeats end a connection whose other side has gone silently. */
function withHeartbeat(url: string): string {
  const changed = new URL(url)
  if (!changed.searchParams.has('heartbeat')) changed.searchParams.set('heartbeat', String(heartbeatSeconds))
  return changed.href
}
