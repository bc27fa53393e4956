import type { Clock } from '@quintet/chassis/clock'
import type { Logger } from '@quintet/chassis/telemetry'
import type { CallKind } from './circuit.ts'
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

/** A request in progress. */
export type Exchange = {
  /** Stops reading the response until `resume`; called from within `onHead` or `onBody`. */
  pause(): void
  resume(): void
  /** Aborts because the client has gone; does nothing once the exchange has ended. */
  abort(): void
}

export type Upstream = ReturnType<typeof createUpstream>

/** One service behind the gateway, isolated by a circuit breaker, a retry budget and a limit on requests in flight. */
export function createUpstream(options: UpstreamOptions) {
  const { service, url, clock, logger, inFlightMax } = options
  const client = createHttpClient(options)
  const budget = createRetryBudget({ clock, percent: options.retryPercent })
  const circuit = createCircuit({
    clock,
    faultsMax: options.circuitFaultsMax,
    openMs: options.circuitOpenMs,
    onChange: (state) => logger.warn({ upstream: service, state }, 'the circuit changed its state'),
  })
  let inFlight = 0
  const counts = options.metrics.register(service, { circuit: circuit.state, inFlight: () => inFlight })

  function admit(): CallKind {
    if (inFlight >= inFlightMax) {
      counts.refusal('overloaded')
      throw overloaded(service, inFlightMax)
    }
    const passage = circuit.acquire()
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
    return (fault === 'refused' || fault === 'reset') && budget.tryConsume()
  }

  return {
    service,
    url,
    circuit: circuit.state,
    /** Sends a request; the listener gets the response or one failure. Throws AppError where the request is refused. */
    send(request: UpstreamRequest, listener: ExchangeListener): Exchange {
      const passage = admit()
      let hasResponse = false
      let isRetried = false
      let isOver = false

      function end(): void {
        isOver = true
        inFlight -= 1
      }

      const attempt: ExchangeListener = {
        onHead(head, whole) {
          hasResponse = true
          circuit.release(passage, 'responded')
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
          if (!hasResponse && !isRetried && mayRetry(request, failure)) {
            isRetried = true
            counts.retry()
            connection = client.send(request, attempt, true)
            return
          }
          end()
          if (!hasResponse) circuit.release(passage, isUpstreamFault(failure) ? 'faulted' : 'abandoned')
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
          if (!hasResponse) circuit.release(passage, 'abandoned')
        },
      }
    },
    close: client.close,
  }
}

/** Idempotent methods (RFC 9110, 9.2.2). */
const idempotentMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

/** A closed keep-alive connection means that the upstream was restarted or timed it out, not that it is down. */
function isUpstreamFault({ fault, isStale }: ExchangeError): boolean {
  return fault !== 'stalled' && !isStale
}
