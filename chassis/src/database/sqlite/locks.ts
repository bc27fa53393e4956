import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'

const retryIntervalMs = 20

/**
 * Runs a statement that takes a lock, once it is free. SQLite's own way to wait would stop the event loop, on which the
 * holder may be waiting, so the connection is to have no timeout of its own.
 */
export async function execWhenFree(connection: DatabaseSync, text: string, timeoutMs: number): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += retryIntervalMs) {
    try {
      connection.exec(text)
      return
    } catch (error) {
      if (!isBusy(error) || waitedMs >= timeoutMs) throw error
    }
    await sleep(retryIntervalMs)
  }
}

/** Whether a statement failed because somebody else holds a lock. */
export function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === 5
}
