import type { Clock } from '../clock/index.ts'
import { dependencyDown } from '../errors/index.ts'
import type { AppError } from '../errors/index.ts'
import type { FailureLogger } from '../telemetry/index.ts'
import type { AuditSink } from './audit-file.ts'
import type { AuditEntry } from './chain.ts'
import { createChainWriter } from './chain-writer.ts'
import type { AuditCounts } from './chain-writer.ts'
import { createRefusals } from './refusals.ts'

/** Lines about what a service does, each with the hash of the one before it. */
export type AuditLog = {
  /** Whether no write may take effect without a line. */
  readonly isRequired: boolean
  /** Resolves once the line is on the disk; rejects with 503 where it cannot be. Where lines are not required, it resolves in any case. */
  intend(entry: AuditEntry): Promise<void>
  /** Resolves once the line is in the file, or is certain to be written when the file can be. */
  record(entry: AuditEntry): Promise<void>
  /** Adds a line without waiting, or counts it where there are many; `network` is that of the client. */
  refuse(entry: AuditEntry, network: string): void
  /** A number for the lines of one request or message, since the ids of requests may be chosen by clients. */
  nextExchange(): number
  readonly counts: AuditCounts
  close(): Promise<void>
}

/** An audit log whose first line says that a process has started. */
export function createAuditLog(
  sink: AuditSink,
  {
    isRequired,
    waitingMax = 10_000,
    refusalIntervalMs,
    ...options
  }: {
    chain: string
    isRequired: boolean
    clock: Clock
    logger: FailureLogger
    /** Lines that wait for a slow file; the default is about 5 MB. */
    waitingMax?: number
    /** How often refusals without a line of their own are counted in one; a minute by default. */
    refusalIntervalMs?: number
  },
): AuditLog {
  const writer = createChainWriter(sink, options)
  const refusals = createRefusals({
    add: (entry) => writer.add(entry, false),
    hasRoom: () => writer.queued() < waitingMax / 2,
    counted: () => (writer.counts.refusalsCounted += 1),
    clock: options.clock,
    intervalMs: refusalIntervalMs,
  })
  let exchanges = 0

  function addUnlessFull(entry: AuditEntry, settle?: () => void): void {
    if (writer.queued() < waitingMax) writer.add(entry, false, settle)
    else {
      writer.omit()
      settle?.()
    }
  }

  writer.add({ kind: 'start', ...(sink.tornBytes > 0 && { tornBytes: sink.tornBytes }) }, false)
  return {
    isRequired,
    counts: writer.counts,
    nextExchange: () => ++exchanges,
    intend(entry) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      if (!isRequired) addUnlessFull(entry, resolve)
      else if (writer.queued() >= waitingMax) reject(unavailable(new Error('Too many lines wait.')))
      else writer.add(entry, true, (error) => (error === undefined ? resolve() : reject(unavailable(error))))
      return promise
    },
    record(entry) {
      const { promise, resolve } = Promise.withResolvers<void>()
      // Where each of them has an intent in the file, they are as many as are in flight.
      if (isRequired) writer.add(entry, false, () => resolve())
      else addUnlessFull(entry, resolve)
      return promise
    },
    refuse: refusals.add,
    async close() {
      refusals.close()
      await writer.close()
    },
  }
}

function unavailable(cause: unknown): AppError {
  return dependencyDown('The audit log cannot be written, and nothing was changed.', cause)
}
