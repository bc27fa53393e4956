import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { createOtlpExporter } from './otlp.ts'
import type { FromThread, ThreadData, ToThread } from './thread-sink.ts'
import { isTemporary } from './schema.ts'
import { openTelemetryStore } from './store.ts'
import type { TelemetryStore } from './store.ts'

/**
 * Writes what a process records to its file and sends it to the collector, beside the thread of the requests, which waits for nothing
 * here. What fails is counted, and is no one's fault but the disk's or the collector's.
 */

const { file, bytesMax, otlpUrl, otlpHeaders }: ThreadData = workerData
const closeTimeoutMs = 2_000
const reopenAfterMs = 1_000
let store: TelemetryStore | undefined
let closedUntilMs = Number.NEGATIVE_INFINITY

const exporter =
  otlpUrl === ''
    ? undefined
    : createOtlpExporter({
        url: otlpUrl,
        headers: otlpHeaders,
        version: systemVersion(),
        pause: (ms) => pause(ms),
        now: () => Date.now(),
        lost: (count, cause) => send({ kind: 'lost', to: 'collector', count, reason: reasonOf(cause) }),
        sent: () => send({ kind: 'written', to: 'collector' }),
      })

function send(message: FromThread): void {
  parentPort?.postMessage(message)
}

function systemVersion(): string {
  return JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')).version
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  // What fetch rejects with has the reason in its cause.
  return cause.cause instanceof Error ? `${cause.message}: ${cause.cause.message}` : cause.message
}

/** Opened with the first that is written, and again after a fault, as of a disk that was full. */
function openedStore(): TelemetryStore {
  if (store === undefined) {
    if (performance.now() < closedUntilMs) throw new Error('The file could not be opened.')
    closedUntilMs = performance.now() + reopenAfterMs
    store = openTelemetryStore(file, bytesMax)
  }
  return store
}

function write({ parts, lines }: ToThread & { kind: 'batch' }): void {
  if (file === '') return
  try {
    const opened = openedStore()
    opened.write(parts, lines)
    send({ kind: 'written', to: 'file', fileBytes: opened.bytes() })
  } catch (error) {
    const count = parts.reduce((sum, { spans }) => sum + spans.length, lines.length)
    send({ kind: 'lost', to: 'file', count, reason: reasonOf(error) })
    // A fault of the file, as where it was deleted or is no database, ends with another file.
    if (!isTemporary(error)) {
      store?.close()
      store = undefined
    }
  }
}

parentPort?.on('message', (message: ToThread) => {
  if (message.kind === 'close') return void close()
  write(message)
  exporter?.send(message.parts.flatMap(({ spans }) => spans))
  send({ kind: 'done', bytes: message.bytes })
})

async function close(): Promise<void> {
  await Promise.race([exporter?.close(), pause(closeTimeoutMs, undefined, { ref: false })])
  store?.close()
  process.exit(0)
}
