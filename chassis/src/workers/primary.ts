import cluster from 'node:cluster'
import type { Worker } from 'node:cluster'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { exponentialBackoffMs, withTimeout } from '../clock/index.ts'
import type { Logger } from '../telemetry/index.ts'
import { workerVariable } from './messages.ts'
import type { FromPrimary, FromWorker } from './messages.ts'

/** A worker that has run for so long counts as a good start: the pause before the next one is short again. */
const goodStartMs = 10_000
const reportTimeoutMs = 1_000

type Running = {
  /** Resolves to what the worker says about itself once it serves, or to undefined if it ends before. */
  readonly ready: Promise<string | undefined>
  readonly ended: Promise<{ code: number | null; signal: string | null; ranMs: number }>
}

/**
 * Runs this program in `count` more processes, the workers, which listen on the same ports; this process is their primary. A worker that
 * ends is replaced. The first one starts alone, since it migrates embedded storage and reports what is wrong; if it or another cannot
 * start, all end and the result is undefined.
 */
export async function startWorkers({
  count,
  environment,
  logger,
}: {
  readonly count: number
  /** Variables for the workers besides those of this process. */
  readonly environment: Readonly<Record<string, string>>
  readonly logger: Pick<Logger, 'warn' | 'error'>
}): Promise<{ readonly text: string; close(): Promise<void> } | undefined> {
  cluster.setupPrimary({ stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  const workers = new Map<Worker, Running['ended']>()
  const serving = new Set<Worker>()
  const closing = new AbortController()
  const collector = createCollector(serving)

  function run(number: number): Running {
    const startedAtMs = performance.now()
    const ready = Promise.withResolvers<string | undefined>()
    const worker = cluster.fork({ ...environment, [workerVariable]: String(number) })
    forwardLines(worker.process.stdout, process.stdout)
    worker.on('message', (message: FromWorker) => {
      if (message.kind !== 'ready') return collector.take(worker, message)
      serving.add(worker)
      ready.resolve(message.text)
    })
    // Only then has all that it wrote been read.
    const ended = once(worker.process, 'close').then(([code, signal]) => {
      workers.delete(worker)
      ready.resolve(undefined)
      return { code, signal, ranMs: performance.now() - startedAtMs }
    })
    worker.on('exit', () => serving.delete(worker))
    workers.set(worker, ended)
    return { ready: ready.promise, ended }
  }

  async function keepRunning(number: number, first: Running): Promise<void> {
    let running = first
    for (let attempt = 0; ; running = run(number)) {
      const { ranMs, ...end } = await running.ended
      if (closing.signal.aborted) return
      attempt = ranMs < goodStartMs ? attempt + 1 : 1
      const pauseMs = Math.round(exponentialBackoffMs(attempt))
      logger.warn({ worker: number, ...end, pauseMs }, 'a worker has ended, and is replaced')
      await pause(pauseMs, undefined, { signal: closing.signal }).catch(() => {})
      if (closing.signal.aborted) return
    }
  }

  async function close(): Promise<void> {
    closing.abort()
    for (const worker of workers.keys())
      if (serving.has(worker)) send(worker, { kind: 'close' })
      else worker.process.kill()
    await Promise.all(workers.values())
  }

  const running: Running[] = []
  const isReady = async (number: number) => {
    const worker = run(number)
    running.push(worker)
    return worker.ready
  }
  const text = await isReady(1)
  const others = Array.from({ length: count - 1 }, (_, i) => i + 2)
  const texts = text === undefined ? [undefined] : await Promise.all(others.map(isReady))
  if (text === undefined || texts.includes(undefined)) {
    await close()
    return undefined
  }
  for (const [i, worker] of running.entries()) void keepRunning(i + 1, worker)
  return { text, close }
}

/** Collects the metrics of all workers for the one that has been scraped. */
function createCollector(serving: ReadonlySet<Worker>) {
  const reports = new Map<number, (text: string) => void>()
  let count = 0

  /** The metrics of one worker; empty if it does not respond in time. */
  async function reportOf(worker: Worker, service: string): Promise<string> {
    const id = ++count
    const { promise, resolve } = Promise.withResolvers<string>()
    reports.set(id, resolve)
    send(worker, { kind: 'report', id, service })
    return withTimeout(reportTimeoutMs, promise)
      .catch(() => '')
      .finally(() => reports.delete(id))
  }

  async function collect(worker: Worker, id: number, service: string): Promise<void> {
    const texts = await Promise.all([...serving].map((one) => reportOf(one, service)))
    send(worker, { kind: 'collected', id, texts })
  }

  return {
    take(worker: Worker, message: Exclude<FromWorker, { kind: 'ready' }>): void {
      if (message.kind === 'report') reports.get(message.id)?.(message.text)
      else void collect(worker, message.id, message.service)
    },
  }
}

function send(worker: Worker, message: FromPrimary): void {
  // Its end is noticed elsewhere.
  if (worker.isConnected()) worker.send(message, () => {})
}

/** Writes whole lines only, since those of several processes would be mixed otherwise. */
function forwardLines(from: Readable | null, to: Writable): void {
  let rest = ''
  from?.setEncoding('utf8').on('data', (text: string) => {
    const end = text.lastIndexOf('\n') + 1
    if (end > 0) to.write(rest + text.slice(0, end))
    rest = end > 0 ? text.slice(end) : rest + text
  })
}
