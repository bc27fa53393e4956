import { durationClockOf } from '@quintet/chassis/clock'
import type { Clock } from '@quintet/chassis/clock'
import { AppError } from '@quintet/chassis/errors'
import { describeOperations, isGzip, problems } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { Type } from 'typebox'
import { otlpBytesMax } from './otlp-bodies.ts'
import type { OtlpSignal } from './otlp-parts.ts'
import { notKept } from './reader.ts'
import type { Reader } from './reader.ts'

const operation = describeOperations('otlp')
const bytesPerSecond = 10_485_760
/** Bodies that are being stored: the thread of the file serves the pages as well. */
const readingMax = 2
/** Those that arrive, each of which takes up to 4 MiB meanwhile. */
const arrivingMax = 8

const rejectedOf = { traces: 'rejectedSpans', logs: 'rejectedLogRecords' } as const
const Rejected = Type.Optional(Type.String())
/** An Export…ServiceResponse. */
const Exported = Type.Object({
  partialSuccess: Type.Optional(
    Type.Object({ rejectedSpans: Rejected, rejectedLogRecords: Rejected, errorMessage: Type.String() }),
  ),
})

/** Adds what services elsewhere send their traces and lines of the log to, by OTLP over HTTP in JSON. */
export function addOtlp(
  app: App,
  { reader, clock }: { readonly reader: Reader; readonly clock: Clock },
): void {
  const rate = createByteRate(durationClockOf(clock).now)
  let reading = 0
  let arriving = 0

  app.register(async (scope) => {
    scope.addHook('onRequest', async (_request, reply) => {
      if (arriving >= arrivingMax) throw tooMuch()
      arriving += 1
      reply.raw.once('close', () => {
        arriving -= 1
      })
    })
    scope.removeContentTypeParser('application/json')
    scope.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) =>
      done(null, body),
    )
    scope.addContentTypeParser('application/x-protobuf', (_request, _payload, done) => done(noProtobuf()))
    for (const signal of ['traces', 'logs'] as const)
      scope.post(
        `/v1/${signal}`,
        {
          ...operation(`export_${signal}`, `Keep ${signal} of services elsewhere`, {
            description:
              'An OTLP request in JSON, of 4 MiB at most, and 10 MiB a second of all. It may be compressed by gzip. Other attributes than those of our own spans are left out.',
            response: { 200: Exported, ...problems(400, 401, 404, 413, 415, 429, 503) },
            readsGzip: true,
          }),
          bodyLimit: otlpBytesMax,
        },
        async (request) => keep(signal, request.body, isGzip(request.headers['content-encoding'])),
      )
  })

  async function keep(signal: OtlpSignal, body: unknown, isCompressed: boolean) {
    if (!reader.keepsTraces) throw notKept()
    if (!(body instanceof Uint8Array)) throw new AppError('malformed', 'The request must have a body.')
    if (reading >= readingMax || !rate.admits()) throw tooMuch()
    reading += 1
    // At once, since what takes too long is work all the same.
    rate.take(body.length)
    try {
      const outcome = await reader.call('addOtlp', signal, new Uint8Array(body), isCompressed)
      rate.take(Math.max(0, outcome.bytes - body.length))
      if ('refusal' in outcome)
        throw new AppError(outcome.refusal === 'malformed' ? 'malformed' : 'body_too_large', outcome.detail)
      const { rejected } = outcome
      if (rejected === 0) return {}
      const errorMessage = 'What has no valid ids or times, or a message that is no text, was not kept.'
      return { partialSuccess: { [rejectedOf[signal]]: String(rejected), errorMessage } }
    } finally {
      reading -= 1
    }
  }
}

/** How many bytes there may be on average. What is inflated is counted when it has been, so that it may be owed. */
function createByteRate(now: () => number) {
  let [left, countedAt] = [bytesPerSecond, now()]
  return {
    admits(): boolean {
      const at = now()
      left = Math.min(bytesPerSecond, left + ((at - countedAt) * bytesPerSecond) / 1_000)
      countedAt = at
      return left > 0
    },
    take(bytes: number): void {
      left -= bytes
    },
  }
}

function tooMuch(): AppError {
  return new AppError('too_many_requests', 'More is being sent than is kept: 10 MiB a second at most.', {
    retryAfterSeconds: 1,
  })
}

function noProtobuf(): AppError {
  return new AppError(
    'unsupported_media_type',
    'Send OTLP in JSON: set the protocol of the exporter to http/json, as by OTEL_EXPORTER_OTLP_PROTOCOL=http/json. Protobuf is not read.',
  )
}
