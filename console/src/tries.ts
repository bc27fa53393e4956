import type { Clock } from '@quintet/chassis/clock'
import { AppError } from '@quintet/chassis/errors'

const triesMax = 10
const windowMs = 60_000
const clientsMax = 1_000

/** Bounds the wrong tokens of a client: beyond ten within a minute none of its tokens is compared. */
export function createTries(clock: Clock) {
  const clients = new Map<string, { count: number; readonly endsAt: number }>()

  function current(client: string) {
    const found = clients.get(client)
    return found !== undefined && found.endsAt > clock.now() ? found : undefined
  }

  return {
    /** Throws where the client has had its tries. */
    check(client: string): void {
      const { count = 0, endsAt = 0 } = current(client) ?? {}
      if (count < triesMax) return
      throw new AppError('too_many_requests', 'There were too many wrong tokens; wait.', {
        retryAfterSeconds: Math.max(1, Math.ceil((endsAt - clock.now()) / 1_000)),
      })
    },
    failed(client: string): void {
      const found = current(client)
      if (found !== undefined) {
        found.count += 1
        return
      }
      clients.delete(client)
      const [oldest] = clients.keys()
      if (clients.size >= clientsMax && oldest !== undefined) clients.delete(oldest)
      clients.set(client, { count: 1, endsAt: clock.now() + windowMs })
    },
  }
}
