import { isUtf8 } from 'node:buffer'
import { setImmediate } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import type { TelemetryFile } from '@quintet/chassis/telemetry/file'
import { otlpPartsOf } from './otlp-parts.ts'
import type { OtlpSignal } from './otlp-parts.ts'

/** Of a body, before and after it is inflated. */
export const otlpBytesMax = 4_194_304

export type OtlpOutcome =
  | { readonly bytes: number; readonly rejected: number }
  /** Why nothing of it was read, in a sentence. */
  | { readonly bytes: number; readonly refusal: 'malformed' | 'too large'; readonly detail: string }

/** How many traces or lines are written at once: others wait no longer for the file. */
const batchRows = 200

/** Keeps what a body of OTLP has. */
export async function storeOtlp(
  file: Pick<TelemetryFile, 'write'>,
  signal: OtlpSignal,
  { body, isGzip, now }: { readonly body: Uint8Array; readonly isGzip: boolean; readonly now: number },
): Promise<OtlpOutcome> {
  const inflated = isGzip ? inflate(body) : body
  if (inflated === 'malformed')
    return { bytes: body.length, refusal: 'malformed', detail: 'The body is not what gzip makes.' }
  if (inflated === 'too large')
    return {
      bytes: otlpBytesMax,
      refusal: 'too large',
      detail: 'The body is larger than 4 MiB when inflated.',
    }
  const bytes = inflated.length
  const request = isUtf8(inflated) ? parsed(Buffer.from(inflated).toString()) : undefined
  if (typeof request !== 'object' || request === null || Array.isArray(request))
    return {
      bytes,
      refusal: 'malformed',
      detail: 'The body must be an OTLP request, which is an object of JSON.',
    }
  const { parts, lines, rejected } = otlpPartsOf(signal, request, now)
  for (let at = 0; at < Math.max(parts.length, lines.length); at += batchRows) {
    file.write(parts.slice(at, at + batchRows), lines.slice(at, at + batchRows))
    await setImmediate()
  }
  return { bytes, rejected }
}

function inflate(body: Uint8Array): Buffer | 'malformed' | 'too large' {
  try {
    return gunzipSync(body, { maxOutputLength: otlpBytesMax })
  } catch (error) {
    const isTooLarge = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
    return isTooLarge ? 'too large' : 'malformed'
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
