import cluster from 'node:cluster'
import { withTimeout } from '../clock/index.ts'
import { createMetrics } from '../telemetry/index.ts'
import type { Metrics, MetricsOptions } from '../telemetry/index.ts'
import { mergeMetrics } from './merge-metrics.ts'
import { workerVariable } from './messages.ts'
import type { FromPrimary, FromWorker } from './messages.ts'

/** The metrics of a service in this process. */
export function metricsIn(
  worker: Worker | undefined,
  service: string,
  options?: Omit<MetricsOptions, 'worker'>,
): Metrics {
  return worker === undefined ? createMetrics(options) : worker.createMetrics(service, options)
}

/** This process, where it is one of several that listen on the same ports. */
export type Worker = {
  /** Whether it was started by a primary of this program, which has checked its settings, rather than by PM2. */
  readonly hasPrimary: boolean
  /** The metrics of a service, with the number of the worker as a label. A scrape of one worker has those of all. */
  createMetrics(service: string, options?: Omit<MetricsOptions, 'worker'>): Metrics
  /** Says that this worker serves, and prints `text` once all do. From then on it closes with its primary, as on SIGTERM. */
  ready(text: string): void
}

const collectTimeoutMs = 2_000
/** Within it the signal that the primary had has reached this process too, if it was sent to both. */
const signalMs = 50

/** The worker that this process is; undefined for a process that runs alone. */
export function currentWorker(environment: NodeJS.ProcessEnv): Worker | undefined {
  if (!cluster.isWorker) return undefined
  const number = environment[workerVariable]
  return number === undefined ? workerOfPm2(environment) : workerOfPrimary(number)
}

function workerOfPrimary(number: string): Worker {
  const texts = new Map<string, Metrics['text']>()
  const collections = new Map<number, (texts: readonly string[]) => void>()
  let count = 0
  let isSignalled = false

  /** A signal to the whole group of processes has reached this one as well, and a second one would end it at once. */
  function close(): void {
    if (!isSignalled) process.emit('SIGTERM', 'SIGTERM')
  }

  process.on('message', (message: FromPrimary) => {
    if (message.kind === 'close') setTimeout(close, signalMs)
    else if (message.kind === 'collected') collections.get(message.id)?.(message.texts)
    else void report(message.id, message.service)
  })

  async function report(id: number, service: string): Promise<void> {
    send({ kind: 'report', id, text: (await texts.get(service)?.()) ?? '' })
  }

  async function collect(service: string): Promise<readonly string[]> {
    const id = ++count
    const { promise, resolve } = Promise.withResolvers<readonly string[]>()
    collections.set(id, resolve)
    send({ kind: 'collect', id, service })
    return withTimeout(collectTimeoutMs, promise).finally(() => collections.delete(id))
  }

  return {
    hasPrimary: true,
    createMetrics(service, options) {
      const own = createMetrics({ ...options, worker: number })
      texts.set(service, own.text)
      return { ...own, text: async () => mergeMetrics(await collect(service)) }
    },
    ready(text) {
      for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const)
        process.once(signal, () => {
          isSignalled = true
        })
      send({ kind: 'ready', text })
    },
  }
}

/** PM2 numbers the instances of its cluster mode, and has no way to collect their metrics. */
function workerOfPm2({ NODE_APP_INSTANCE: number }: NodeJS.ProcessEnv): Worker {
  return {
    hasPrimary: false,
    createMetrics: (_service, options) => createMetrics({ ...options, worker: number }),
    ready: (text) => void process.stderr.write(text),
  }
}

function send(message: FromWorker): void {
  process.send?.(message)
}
