import type { Clock } from '@quintet/chassis/clock'
import type { Logger } from '@quintet/chassis/telemetry'
import type { Passage } from './circuit.ts'
import { createCircuit } from './circuit.ts'
import { createRetryBudget } from './retry-budget.ts'
import { createHttpClient } from './http1/client.ts'
import type { ExchangeListener, ExchangeError, UpstreamRequest } from './http1/connection.ts'
import type { UpstreamMetrics } from './upstream-metrics.ts'
import { circuitOpen, overloaded } from './upstream-problems.ts'

export type UpstreamOptions = {
  readonly service: string
  readonly url: URL
  readonly timeoutMs: number
  readonly inFlightMax: number
  readonly circuitFaultsMax: number
  readonly circuitOpenMs: number
  readonly retryPercent: number
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: UpstreamMetrics
}

/** A request under way. */
export type Exchange = {
  /** Stops reading the answer, from within `onHead` or `onBody`, until `resume`. */
  pause(): void
  resume(): void
  /** Gives up, because the client has gone; nothing once the exchange has ended. */
  abort(): void
}

export type Upstream = ReturnType<typeof createUpstream>

/** One service as the gateway reaches it: what goes wrong there is kept from taking anything else along. */
export function createUpstream(options: UpstreamOptions) {
  const { service, url, clock, logger, inFlightMax } = options
  const client = createHttpClient(options)
  const budget = createRetryBudget({ clock, percent: options.retryPercent })
  const circuit = createCircuit({
    clock,
    faultsMax: options.circuitFaultsMax,
    openMs: options.circuitOpenMs,
    onChange: (state) => logger.warn({ upstream: service, state }, 'the circuit has changed'),
  })
  let inFlight = 0
  const counts = options.metrics.follow(service, { circuit: circuit.state, inFlight: () => inFlight })

  function enter(): Passage {
    if (inFlight >= inFlightMax) {
      counts.refusal('overloaded')
      throw overloaded(service, inFlightMax)
    }
    const passage = circuit.enter()
    if (passage === undefined) {
      counts.refusal('circuit_open')
      throw circuitOpen(service, circuit.retryAfterMs())
    }
    inFlight += 1
    counts.request()
    budget.countRequest()
    return passage
  }

  function mayRetry(request: UpstreamRequest, { fault }: ExchangeError): boolean {
    if (request.body !== undefined || !idempotentMethods.has(request.method)) return false
    return (fault === 'refused' || fault === 'reset') && budget.take()
  }

  return {
    service,
    url,
    circuit: circuit.state,
    /** Tells the listener of the answer, or of one failure; throws AppError where the request is not even sent. */
    send(request: UpstreamRequest, listener: ExchangeListener): Exchange {
      const passage = enter()
      let isAnswered = false
      let isRetried = false
      let isOver = false

      function end(): void {
        isOver = true
        inFlight -= 1
      }

      const attempt: ExchangeListener = {
        onHead(head, whole) {
          isAnswered = true
          circuit.leave(passage, 'answered')
          if (whole !== undefined) end()
          listener.onHead(head, whole)
        },
        onBody: (chunk) => listener.onBody(chunk),
        onEnd() {
          end()
          listener.onEnd()
        },
        onFailure(failure) {
          counts.fault(failure.fault)
          if (!isAnswered && !isRetried && mayRetry(request, failure)) {
            isRetried = true
            counts.retry()
            connection = client.send(request, attempt, true)
            return
          }
          end()
          if (!isAnswered) circuit.leave(passage, isUpstreamFault(failure) ? 'faulted' : 'abandoned')
          listener.onFailure(failure)
        },
      }
      let connection = client.send(request, attempt)
      return {
        pause: () => connection.pause(attempt),
        resume: () => connection.resume(attempt),
        abort() {
          if (isOver) return
          end()
          connection.abort(attempt)
          if (!isAnswered) circuit.leave(passage, 'abandoned')
        },
      }
    },
    close: client.close,
  }
}

/** Sent twice, these are as good as sent once (RFC 9110, 9.2.2). */
const idempotentMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

/** A kept connection that has been closed says that the upstream was restarted, not that it is down now. */
function isUpstreamFault({ fault, isStale }: ExchangeError): boolean {
  return fault !== 'stalled' && !isStale
}
