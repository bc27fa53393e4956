import { Worker } from 'node:worker_threads'
import { createFailureLog } from './failure-log.ts'
import type { FailureLogger } from './failure-log.ts'
import type { TracePart } from './spans.ts'
import type { KeptLine } from './store.ts'

/** Where the telemetry of a process goes. */
export type ThreadData = {
  /** Empty for none. */
  readonly file: string
  readonly bytesMax: number
  /** Empty for none. */
  readonly otlpUrl: string
  readonly otlpHeaders: Readonly<Record<string, string>>
}

export type ToThread =
  | {
      readonly kind: 'batch'
      readonly parts: readonly TracePart[]
      readonly lines: readonly KeptLine[]
      readonly bytes: number
    }
  | { readonly kind: 'close' }

type Destination = 'file' | 'collector'
export type FromThread =
  | { readonly kind: 'done'; readonly bytes: number }
  | { readonly kind: 'written'; readonly to: Destination; readonly fileBytes?: number }
  | { readonly kind: 'lost'; readonly to: Destination; readonly count: number; readonly reason: string }

/** Why something was not kept. */
export type LossReason = 'waiting' | Destination

/** The part of a process's telemetry on its thread of requests: it takes what there is, and waits for nothing. */
export type TelemetrySink = {
  part(part: TracePart): void
  line(line: KeptLine): void
  fileBytes(): number
  /** Resolves when all was written or lost, within some seconds. */
  close(): Promise<void>
}

const flushIntervalMs = 250
const spansOfBatchMax = 512
/** A bound on what waits for the thread; beyond it the newest are lost. */
const waitingBytesMax = 8_388_608
/** A span with its attributes, roughly. */
const spanBytes = 600
const linesPerSecondMax = 1_000
const restartAfterMs = 10_000
const closeTimeoutMs = 4_000

const failing = {
  file: 'the file of telemetry cannot be written, so traces and lines are lost: check TELEMETRY_URL and the disk',
  collector: 'the collector does not take traces: check OTLP_URL',
}
const recovered = {
  file: 'the file of telemetry is written again',
  collector: 'the collector takes traces again',
}

/** Starts the thread with the first that there is. `lost` counts spans and lines. */
export function createThreadSink(
  data: ThreadData,
  {
    logger,
    lost,
    now,
  }: { logger: FailureLogger; lost: (reason: LossReason, count: number) => void; now: () => number },
): TelemetrySink {
  const logs = {
    file: createFailureLog(logger, { failing: failing.file, recovered: recovered.file }, now),
    collector: createFailureLog(logger, { failing: failing.collector, recovered: recovered.collector }, now),
  }
  let worker: Worker | undefined
  let startAfterMs = Number.NEGATIVE_INFINITY
  let parts: TracePart[] = []
  let lines: KeptLine[] = []
  let [spans, bytes, unwrittenBytes, fileBytes] = [0, 0, 0, 0]
  let timer: NodeJS.Timeout | undefined
  let [second, linesOfSecond] = [0, 0]
  let isClosed = false

  function admit(more: number, count: number): boolean {
    if (!isClosed && bytes + unwrittenBytes + more <= waitingBytesMax) {
      bytes += more
      timer ??= setTimeout(flush, flushIntervalMs).unref()
      return true
    }
    lost('waiting', count)
    return false
  }

  function flush(): void {
    clearTimeout(timer)
    timer = undefined
    if (parts.length === 0 && lines.length === 0) return
    const batch: ToThread = { kind: 'batch', parts, lines, bytes }
    const thread = startedThread()
    if (thread === undefined) lost('waiting', spans + lines.length)
    else {
      unwrittenBytes += bytes
      thread.postMessage(batch)
    }
    parts = []
    lines = []
    spans = 0
    bytes = 0
  }

  /** Undefined for a while after it has ended by a fault. */
  function startedThread(): Worker | undefined {
    if (worker !== undefined || now() < startAfterMs) return worker
    startAfterMs = now() + restartAfterMs
    const started = new Worker(new URL('./thread.ts', import.meta.url), {
      workerData: data,
      resourceLimits: { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 },
    })
    started.unref()
    started.on('message', receive)
    started.on('error', (error) => {
      logs.file.failed(error)
      worker = undefined
      unwrittenBytes = 0
    })
    worker = started
    return started
  }

  function receive(message: FromThread): void {
    if (message.kind === 'done') {
      unwrittenBytes -= message.bytes
      return
    }
    if (message.kind === 'written') {
      fileBytes = message.fileBytes ?? fileBytes
      logs[message.to].succeeded()
      return
    }
    lost(message.to, message.count)
    logs[message.to].failed(new Error(message.reason))
  }

  return {
    part(part) {
      if (!admit(part.spans.length * spanBytes, part.spans.length)) return
      parts.push(part)
      spans += part.spans.length
      if (spans >= spansOfBatchMax) flush()
    },
    line(line) {
      const current = Math.floor(now() / 1_000)
      if (current !== second) [second, linesOfSecond] = [current, 0]
      linesOfSecond += 1
      if (linesOfSecond > linesPerSecondMax) return lost('waiting', 1)
      if (admit(line.line.length, 1)) lines.push(line)
    },
    fileBytes: () => fileBytes,
    async close() {
      flush()
      isClosed = true
      const closing = worker
      if (closing === undefined) return
      worker = undefined
      const { promise, resolve } = Promise.withResolvers<void>()
      closing.ref()
      closing.once('exit', () => resolve())
      const timeout = setTimeout(resolve, closeTimeoutMs)
      closing.postMessage({ kind: 'close' } satisfies ToThread)
      await promise
      clearTimeout(timeout)
      await closing.terminate()
    },
  }
}
