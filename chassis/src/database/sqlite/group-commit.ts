import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Deadline } from '../../clock/index.ts'
import { dependencyDown } from '../../errors/index.ts'
import { resultOf } from '../compact-result.ts'
import type { CommitMeasures } from '../metrics.ts'
import {
  cannotWrite,
  deadlineExceeded,
  rejectLate,
  settle,
  tooManyUnits,
  unitsPendingMax,
  unknownOutcome,
} from '../pending-unit.ts'
import type { PendingUnit } from '../pending-unit.ts'
import type { Outcome, Statement } from '../port.ts'
import { createBatchEncoder } from './batch.ts'
import type { BatchResult, UnitResult } from './batch.ts'
import type { WriterData } from './writer.ts'
import { closeWriter, openWriter } from './writer-threads.ts'

const unitsPerBatchMax = 1_000

/**
 * Group commit: units that arrive in one turn of the event loop, or while the disk is busy with an earlier batch, go to the
 * writer thread together and share one transaction and one fsync. A single unit does not wait for others. `beforeSettling` is
 * called when a batch is durable and none of its callers has been notified.
 */
export async function createGroupCommit(
  {
    measures,
    ...options
  }: { path: string; isDurable: boolean; busyTimeoutMs: number; measures?: CommitMeasures | undefined },
  beforeSettling: () => void,
): Promise<{
  commit(unit: readonly Statement[], deadline?: Deadline): Promise<Outcome>
  /** `beforeClosing` is called once all units are settled. */
  close(beforeClosing?: () => void): Promise<void>
}> {
  const units = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  const worker = await openWriter({ ...options, units })
  const checkpoints = createCheckpoints({ path: options.path, units })
  const encode = createBatchEncoder()
  let waiting: PendingUnit[] = []
  let inFlight: PendingUnit[] = []
  let isFlushScheduled = false
  let closing: Promise<void> | undefined
  let onIdle: (() => void) | undefined
  let failure: Error | undefined

  measures?.watch(() => waiting.length + inFlight.length)
  worker.on('message', settleBatch)
  worker.on('error', (cause) => {
    failure = cannotWrite(cause)
    // The thread may have ended after the commit.
    for (const { reject } of inFlight) reject(unknownOutcome(cause))
    for (const { reject } of waiting) reject(failure)
    inFlight = waiting = []
    onIdle?.()
  })

  function commit(
    unit: readonly Statement[],
    { before = Number.POSITIVE_INFINITY }: Deadline = {},
  ): Promise<Outcome> {
    if (failure !== undefined) return Promise.reject(failure)
    if (closing !== undefined) return Promise.reject(dependencyDown('The database is closed.'))
    if (waiting.length >= unitsPendingMax) return Promise.reject(tooManyUnits())
    return new Promise((resolve, reject) => {
      waiting.push({ unit, before, resolve, reject })
      if (inFlight.length > 0 || isFlushScheduled) return
      isFlushScheduled = true
      setImmediate(flushFirst)
    })
  }

  /** Where all units are late, none is in flight afterwards, and `close` waits for nothing more. */
  function flushFirst(): void {
    isFlushScheduled = false
    flush()
    if (inFlight.length === 0) onIdle?.()
  }

  function flush(): void {
    if (inFlight.length > 0) return
    waiting = rejectLate(waiting)
    if (waiting.length === 0) return
    inFlight = waiting.length <= unitsPerBatchMax ? waiting : waiting.slice(0, unitsPerBatchMax)
    waiting = waiting.length <= unitsPerBatchMax ? [] : waiting.slice(unitsPerBatchMax)
    worker.postMessage(encode(inFlight))
  }

  function settleBatch(results: BatchResult): void {
    const settled = inFlight
    checkpoints.count(settled.length)
    measures?.committed(settled.length)
    inFlight = []
    beforeSettling()
    // The next batch is posted first, so that the disk is not idle while this thread sends responses.
    flush()
    for (let i = 0; i < settled.length; i++) {
      const pending = settled[i]
      if (pending !== undefined) settleUnit(pending, typeof results === 'string' ? results : results[i])
    }
    if (inFlight.length === 0) onIdle?.()
  }

  async function finish(beforeClosing: () => void): Promise<void> {
    if (inFlight.length > 0 || waiting.length > 0) {
      const { promise, resolve } = Promise.withResolvers<void>()
      onIdle = resolve
      await promise
    }
    beforeClosing()
    await checkpoints.close()
    if (failure !== undefined) return
    await closeWriter(worker)
  }

  return {
    commit,
    close(beforeClosing = () => {}) {
      closing ??= finish(beforeClosing)
      return closing
    },
  }
}

/** Few databases are ever written so much. */
const unitsBeforeCheckpointer = 2_000

/** Starts the checkpointer once it is worth its thread. Without it, as where it has failed, the writer makes longer checkpoints. */
function createCheckpoints(workerData: Pick<WriterData, 'path' | 'units'>) {
  let worker: Worker | undefined
  let exited: Promise<unknown> | undefined
  let count = 0
  return {
    count(more: number) {
      count += more
      if (worker !== undefined || count < unitsBeforeCheckpointer) return
      worker = new Worker(new URL('./checkpointer.ts', import.meta.url), {
        workerData,
        resourceLimits: { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 16 },
      })
      worker.on('error', () => {})
      exited = once(worker, 'exit').catch(() => {})
      worker.unref()
    },
    async close() {
      worker?.postMessage(null)
      await exited
    },
  }
}

/** `result` is a text where nothing of the batch was applied. */
function settleUnit(pending: PendingUnit, result: UnitResult | string | undefined): void {
  if (typeof result === 'number') settle(pending, { failedStatement: result, results: noResults })
  else if (Array.isArray(result)) settle(pending, { results: result.map(resultOf) })
  else if (result === null) pending.reject(deadlineExceeded())
  else if (typeof result === 'string') pending.reject(cannotWrite(result))
  else pending.reject(new Error(result?.error ?? 'The writer gave no result for the unit.'))
}

const noResults: Outcome['results'] = []
