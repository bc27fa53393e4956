import { connect } from 'amqplib'
import type { ChannelModel } from 'amqplib'
import { AppError, dependencyDown } from '../../errors/index.ts'

const connectTimeoutMs = 2_000
const heartbeatSeconds = 10
const reconnecting = { initialDelay: 100, maxDelay: 5_000, jitter: 0.5, waitForConnect: false }

/** A connection that comes back by itself, with what lives on it made anew each time. */
export type AmqpConnection = {
  /** Rejects with `dependency_down` while there is no connection, having waited for the first one at most. */
  connection(): Promise<ChannelModel>
  /** Calls with the connection, now if there is one, and with each later one. */
  onConnection(listener: (connection: ChannelModel) => void): void
  /** Rejects with what is wrong, where something is. */
  ping(): Promise<void>
  close(): Promise<void>
}

export async function openAmqpConnection(url: string): Promise<AmqpConnection> {
  const listeners: ((connection: ChannelModel) => void)[] = []
  const tried = Promise.withResolvers<void>()
  let current: ChannelModel | undefined
  let fault: unknown
  let blocked = false
  let closed = false
  const recovering = await connect(withHeartbeat(url), {
    noDelay: true,
    keepAlive: true,
    timeout: connectTimeoutMs,
    clientProperties: { connection_name: 'quintet' },
    recovery: reconnecting,
  })
  recovering.on('connect', (connection) => {
    current = connection
    blocked = false
    tried.resolve()
    for (const listener of listeners) listener(connection)
  })
  const lose = (error: unknown) => {
    current = undefined
    fault = error
    tried.resolve()
  }
  recovering.on('disconnect', lose)
  recovering.on('connect-failed', lose)
  recovering.on('error', () => {})
  recovering.on('blocked', () => {
    blocked = true
  })
  recovering.on('unblocked', () => {
    blocked = false
  })

  async function connection(): Promise<ChannelModel> {
    if (current === undefined && !closed) await tried.promise
    if (closed) throw dependencyDown('The queue is closed.')
    if (current === undefined) throw dependencyDown('The message broker does not answer.', fault)
    if (blocked)
      throw new AppError(
        'dependency_down',
        'The message broker takes no messages, for want of memory or disk.',
      )
    return current
  }

  return {
    connection,
    onConnection(listener) {
      listeners.push(listener)
      if (current !== undefined) listener(current)
    },
    async ping() {
      await connection()
    },
    async close() {
      if (closed) return
      closed = true
      tried.resolve()
      await recovering.close()
    },
  }
}

/** A broker that went away without a word is noticed after two heartbeats at the latest. */
function withHeartbeat(url: string): string {
  const changed = new URL(url)
  if (!changed.searchParams.has('heartbeat')) changed.searchParams.set('heartbeat', String(heartbeatSeconds))
  return changed.href
}
