import { basename } from 'node:path'
import { Worker } from 'node:worker_threads'
import { AppError } from '@quintet/chassis/errors'
import type { FromReader, ReaderData, ReaderMethods, ToReader } from './reader-thread.ts'

/** What the file of telemetry holds, read and written by a thread, so that no request of the services waits for it. */
export type Reader = {
  /**
   * Calls a method of the file of telemetry. Rejects with `overloaded` where too many calls wait, and with `dependency_down` where the
   * file cannot be read, or takes too long.
   */
  call<Name extends keyof ReaderMethods>(
    name: Name,
    ...values: Parameters<ReaderMethods[Name]>
  ): Promise<Awaited<ReturnType<ReaderMethods[Name]>>>
  /** Whether traces and lines of the log are in it; events, actions and samples always are, if only in memory. */
  readonly keepsTraces: boolean
  /** What is kept, in a sentence. */
  readonly keeps: string
  close(): Promise<void>
}

const waitingMax = 64
const callTimeoutMs = 6_000
const closeTimeoutMs = 2_000
const bytesDefault = 268_435_456
/** Of events, actions and samples, where there is no file. */
const bytesInMemory = 67_108_864

/** Opens the file that `TELEMETRY_URL` names, with the first call. */
export function openReader(telemetryUrl: string): Reader {
  const [, file = '', bytes] = /^sqlite:([^?]*)(?:\?bytes=(\d+))?$/.exec(telemetryUrl) ?? []
  const data: ReaderData =
    file === ''
      ? { file: ':memory:', bytesMax: bytesInMemory }
      : { file, bytesMax: Number(bytes ?? bytesDefault) }
  /** The calls without a response, by what rejects them. */
  const waiting = new Set<(error: Error) => void>()
  let worker: Worker | undefined
  let lastId = 0
  let isClosed = false

  function startedThread(): Worker {
    if (worker !== undefined) return worker
    const started = new Worker(new URL('./reader-thread.ts', import.meta.url), {
      workerData: data,
      resourceLimits: { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 128 },
    })
    started.unref()
    // One for each call that waits, and that of its end.
    started.setMaxListeners(waitingMax + 2)
    started.on('error', (error) => {
      if (worker === started) worker = undefined
      rejectAll(unavailable(error))
    })
    worker = started
    return started
  }

  function rejectAll(error: Error): void {
    for (const reject of waiting) reject(error)
  }

  return {
    keepsTraces: file !== '',
    keeps:
      file === ''
        ? 'Events, actions and charts are kept until this process ends, and traces and the log are not, since TELEMETRY_URL is none:.'
        : `Traces, the log, charts, events and actions are kept in ${basename(file)}, the newest ${Math.round(data.bytesMax / 1_048_576)} MiB.`,
    call(name, ...values) {
      if (isClosed) return Promise.reject(unavailable('it is closed'))
      if (waiting.size >= waitingMax) return Promise.reject(tooMany())
      lastId += 1
      const id = lastId
      const thread = startedThread()
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => fail(unavailable('it takes too long')), callTimeoutMs).unref()
        thread.on('message', receive)
        waiting.add(fail)
        thread.postMessage({ id, name, values } satisfies ToReader)

        function receive(response: FromReader<Parameters<typeof resolve>[0]>): void {
          if (response.id !== id) return
          if ('fault' in response) fail(unavailable(response.fault))
          else {
            end()
            resolve(response.value)
          }
        }

        function fail(error: Error): void {
          end()
          reject(error)
        }

        function end(): void {
          clearTimeout(timer)
          waiting.delete(fail)
          thread.off('message', receive)
        }
      })
    },
    async close() {
      isClosed = true
      const closing = worker
      worker = undefined
      if (closing === undefined) return
      const { promise, resolve } = Promise.withResolvers<void>()
      closing.ref()
      closing.once('exit', () => resolve())
      const timeout = setTimeout(resolve, closeTimeoutMs)
      closing.postMessage('close')
      await promise
      clearTimeout(timeout)
      await closing.terminate()
      rejectAll(unavailable('it is closed'))
    },
  }
}

/** The refusal of requests for traces and lines of the log where there is no file of them. */
export function notKept(): AppError {
  return new AppError('not_found', 'Traces and the log are not kept, since TELEMETRY_URL is none:.')
}

function tooMany(): AppError {
  return new AppError('overloaded', 'Too many requests wait for the file of telemetry.')
}

function unavailable(cause: unknown): AppError {
  return new AppError('dependency_down', 'The file of telemetry cannot be read at present.', { cause })
}
