import { reconnectBackoffMs } from '../../clock/index.ts'

/** The client makes one attempt after the other, so one that was lost delays the next. */
const connectTimeoutMs = 750
/**
 * Ends an attempt whose handshake is not answered. Without a handshake, each connection to a proxy whose Redis is unavailable
 * would count as a success, and the next would follow at once. A connection in use is never idle for so long, since it is pinged.
 */
const idleTimeoutMs = 750

/** Of a client that is watched by `watchLiveness`, and reconnects by itself. */
export const redisClientOptions = {
  disableOfflineQueue: true,
  socket: {
    socketTimeout: idleTimeoutMs,
    connectTimeout: connectTimeoutMs,
    keepAlive: true,
    reconnectStrategy: (retries: number) => reconnectBackoffMs(retries + 1),
  },
}

/** Of a client for one task, which fails where Redis does not respond. */
export const singleTaskOptions = { socket: { connectTimeout: 5_000, reconnectStrategy: false } } as const
