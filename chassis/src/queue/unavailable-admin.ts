import type { QueueAdmin } from './port.ts'

/** Stands for a broker that cannot be opened: every call rejects with the error. */
export function unavailableAdmin(error: unknown): QueueAdmin {
  const reject = async () => {
    throw error
  }
  return {
    queues: reject,
    depth: reject,
    list: reject,
    reasons: reject,
    deadAmong: reject,
    replay: reject,
    dropDead: reject,
    purge: reject,
    close: async () => {},
  }
}
