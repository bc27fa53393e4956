import { reconnectBackoffMs } from '../clock/index.ts'

type Reconnection = {
  /** Begins to open a connection, unless it does so already. */
  start(): void
  stop(): void
}

/**
 * Opens a connection by one attempt after the other, with backoff, until one succeeds. An attempt does not wait for the last one
 * to time out, since what was sent to a server that was stopped or cut off may be lost. `open` rejects within a bounded time.
 */
export function createReconnection<C>({
  open,
  onOpen,
  onFailure,
  close,
}: {
  open(): Promise<C>
  onOpen(connection: C): void
  onFailure(error: unknown): void
  /** For a connection that is opened too late to be used. */
  close(connection: C): void
}): Reconnection {
  let round: object | undefined
  let timer: NodeJS.Timeout | undefined

  function attempt(current: object, attempts: number): void {
    timer = setTimeout(() => attempt(current, attempts + 1), reconnectBackoffMs(attempts)).unref()
    open().then(
      (connection) => {
        if (round !== current) {
          close(connection)
          return
        }
        stop()
        onOpen(connection)
      },
      (error: unknown) => round === current && onFailure(error),
    )
  }

  function stop(): void {
    clearTimeout(timer)
    round = undefined
  }

  return {
    start() {
      if (round !== undefined) return
      round = {}
      attempt(round, 1)
    },
    stop,
  }
}
