import type { Clock } from '@quintet/chassis/clock'
import type { Logger } from '@quintet/chassis/telemetry'
import type { Resolve } from './addresses.ts'
import type { Endpoint } from './endpoint.ts'
import { createEndpoints } from './endpoints.ts'
import { createRetryBudget } from './retry-budget.ts'
import { isRepeatable } from './http1/client.ts'
import type { ExchangeListener, ExchangeError, UpstreamRequest } from './http1/connection.ts'
import type { UpstreamMetrics } from './upstream-metrics.ts'
import { circuitOpen, overloaded } from './upstream-problems.ts'

export type UpstreamOptions = {
  readonly service: string
  readonly url: URL
  readonly timeoutMs: number
  readonly inFlightMax: number
  readonly circuitFaultsMax: number
  readonly circuitFaultPercent: number
  readonly circuitOpenMs: number
  readonly retryPercent: number
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: UpstreamMetrics
  readonly resolve?: Resolve | undefined
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

/** One service behind the gateway, isolated by circuit breakers, a retry budget and a limit on requests in flight. */
export function createUpstream(options: UpstreamOptions) {
  const { service, url, clock, logger, inFlightMax } = options
  const budget = createRetryBudget({ clock, percent: options.retryPercent })
  const endpoints = createEndpoints({
    ...options,
    onCircuitChange: (address, state) =>
      logger.warn({ upstream: service, address, state }, 'the circuit changed its state'),
  })
  let inFlight = 0
  const counts = options.metrics.register(service, { circuit: endpoints.state, inFlight: () => inFlight })

  function admit(): Endpoint {
    if (inFlight >= inFlightMax) {
      counts.refusal('overloaded')
      throw overloaded(service, inFlightMax)
    }
    const endpoint = endpoints.next()
    if (endpoint === undefined) {
      counts.refusal('circuit_open')
      throw circuitOpen(service, endpoints.retryAfterMs())
    }
    inFlight += 1
    counts.request()
    budget.countRequest()
    return endpoint
  }

  /** The address for a second attempt, if there may be one. */
  function endpointForRetry(request: UpstreamRequest, { fault }: ExchangeError): Endpoint | undefined {
    if (!isRepeatable(request) || (fault !== 'refused' && fault !== 'reset')) return undefined
    const endpoint = endpoints.next()
    return endpoint !== undefined && budget.tryConsume() ? endpoint : undefined
  }

  return {
    service,
    url,
    circuit: endpoints.state,
    /** Sends a request; the listener gets the response or one failure. Throws AppError where the request is refused. */
    send(request: UpstreamRequest, listener: ExchangeListener): Exchange {
      let endpoint = admit()
      let hasResponse = false
      let isRetried = false
      let isOver = false

      /** Does nothing the second time: a listener that throws at the end of a response also gets a failure. */
      function end(): void {
        if (!isOver) inFlight -= 1
        isOver = true
      }

      const attempt: ExchangeListener = {
        onHead(head, whole) {
          hasResponse = true
          endpoint.circuit.responded()
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
          if (!hasResponse && isUpstreamFault(failure, request)) endpoint.circuit.faulted()
          const next = hasResponse || isRetried ? undefined : endpointForRetry(request, failure)
          if (next === undefined) {
            end()
            listener.onFailure(failure)
            return
          }
          isRetried = true
          counts.retry()
          endpoint = next
          connection = endpoint.send(request, attempt, true)
        },
      }
      let connection = endpoint.send(request, attempt)
      return {
        pause: () => connection.pause(attempt),
        resume: () => connection.resume(attempt),
        abort() {
          if (isOver) return
          end()
          connection.abort(attempt)
        },
      }
    },
    close: endpoints.close,
  }
}

/**
 * Whether the upstream itself failed. A closed keep-alive connection means that it was restarted or timed the connection out,
 * not that it is down; a connection closed while the client still sends its body may be the refusal of that body.
 */
function isUpstreamFault({ fault, isStale }: ExchangeError, { body }: UpstreamRequest): boolean {
  if (isStale) return false
  if (fault === 'reset') return body === undefined || body.readableEnded
  return fault === 'refused' || fault === 'timeout' || fault === 'malformed'
}
