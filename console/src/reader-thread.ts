import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '@quintet/chassis/clock'
import { isTemporary, openTelemetryFile } from '@quintet/chassis/telemetry/file'
import type { TelemetryFile } from '@quintet/chassis/telemetry/file'
import { storeOtlp } from './otlp-bodies.ts'
import type { OtlpOutcome } from './otlp-bodies.ts'
import type { OtlpSignal } from './otlp-parts.ts'

/** Looks at the file of telemetry, and adds to it, beside the thread of the requests: SQLite blocks the thread that it is used in. */

export type ReaderData = { readonly file: string; readonly bytesMax: number }
export type ReaderMethods = Omit<TelemetryFile, 'close'> & {
  addOtlp(signal: OtlpSignal, body: Uint8Array, isGzip: boolean): Promise<OtlpOutcome>
}

export type ToReader = {
  readonly id: number
  readonly name: keyof ReaderMethods
  readonly values: readonly unknown[]
}

/** What a method has returned, or why it has not. */
export type FromReader<Value> =
  | { readonly id: number; readonly value: Value }
  | { readonly id: number; readonly fault: string }

const { file, bytesMax }: ReaderData = workerData
let opened: TelemetryFile | undefined

/** Opened with the first call, and again after a fault, as where it was deleted. */
function openedFile(): TelemetryFile {
  opened ??= openTelemetryFile(file, { bytesMax, now: systemClock.now })
  return opened
}

function methodsOf(telemetry: TelemetryFile): ReaderMethods {
  return {
    ...telemetry,
    addOtlp: (signal, body, isGzip) => storeOtlp(telemetry, signal, { body, isGzip, now: systemClock.now() }),
  }
}

async function responseTo({ id, name, values }: ToReader): Promise<FromReader<unknown>> {
  try {
    return { id, value: await Reflect.apply(methodsOf(openedFile())[name], undefined, values) }
  } catch (error) {
    if (!isTemporary(error)) {
      opened?.close()
      opened = undefined
    }
    return { id, fault: error instanceof Error ? error.message : String(error) }
  }
}

parentPort?.on('message', async (message: ToReader | 'close') => {
  if (message !== 'close') return parentPort?.postMessage(await responseTo(message))
  opened?.close()
  process.exit(0)
})
