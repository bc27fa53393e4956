import type { Clock } from '@quintet/chassis/clock'
import { isOutOfDescriptors } from '@quintet/chassis/errors'
import type { Logger } from '@quintet/chassis/telemetry'
import type { Resolve } from './addresses.ts'
import { createCapacity } from './capacity.ts'
import type { CapacityOptions } from './capacity.ts'
import type { Endpoint } from './endpoint.ts'
import { createEndpoints } from './endpoints.ts'
import { createRetryBudget } from './retry-budget.ts'
import { ExchangeError } from './http1/connection.ts'
import type { ExchangeListener, UpstreamRequest } from './http1/connection.ts'
import type { UpstreamMetrics } from './upstream-metrics.ts'
import { circuitOpen } from './upstream-problems.ts'

type UpstreamOptions = CapacityOptions & {
  readonly url: URL
  readonly timeoutMs: number
  /** The longest silence of a response of server-sent events. */
  readonly streamIdleMs: number
  readonly circuitFaultsMax: number
  readonly circuitFaultPercent: number
  readonly circuitOpenMs: number
  readonly retryPercent: number
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: UpstreamMetrics
  readonly resolve?: Resolve | undefined
}

/** A request of a client. A small body is part of `head`; `body` is a large one, which is sent as it arrives. */
export type ClientRequest = UpstreamRequest & {
  /** Who sent it. */
  readonly client: string
}

/** A request in progress. */
export type Exchange = {
  /** Stops reading the response until `resume`; called from within `onHead` or `onBody`. */
  pause(): void
  resume(): void
  /** The response is a stream of server-sent events; called from within `onHead`. Throws AppError where there are too many. */
  stream(): void
  /** Aborts because the client has gone; does nothing once the exchange has ended. */
  abort(): void
  /** Fails because the client is too slow; does nothing once the exchange has ended. */
  cut(): void
}

export type Upstream = ReturnType<typeof createUpstream>

/** One service behind the gateway, isolated by circuit breakers, a retry budget and limits on requests in flight. */
export function createUpstream(options: UpstreamOptions) {
  const { service, url, clock, logger } = options
  const budget = createRetryBudget({ clock, percent: options.retryPercent })
  const capacity = createCapacity(options)
  const endpoints = createEndpoints({
    ...options,
    onCircuitChange: (address, state) =>
      logger.warn({ upstream: service, address, state }, 'the circuit changed its state'),
  })
  const counts = options.metrics.register(service, { circuit: endpoints.state, inFlight: capacity.inFlight })

  /** The address for a request of this client. */
  function admit(client: string): Endpoint {
    const refusal = capacity.refusal(client)
    if (refusal !== undefined) {
      counts.refusal(refusal.code === 'overloaded' ? 'overloaded' : 'too_many_requests')
      throw refusal
    }
    const endpoint = endpoints.next()
    if (endpoint !== undefined) return endpoint
    counts.refusal('circuit_open')
    throw circuitOpen(service, endpoints.retryAfterMs())
  }

  /** The address for a second attempt, if there may be one. */
  function endpointForRetry(request: ClientRequest, { fault }: ExchangeError): Endpoint | undefined {
    // Of a refused request nothing was sent.
    const mayRepeat =
      fault === 'refused' ? request.body === undefined : fault === 'reset' && isRepeatable(request)
    if (!mayRepeat) return undefined
    const endpoint = endpoints.next()
    return endpoint !== undefined && budget.tryConsume() ? endpoint : undefined
  }

  return {
    service,
    url,
    circuit: endpoints.state,
    /** Throws AppError if a request of this client would be refused now. */
    check: (client: string): void => void admit(client),
    /** Sends a request; the listener gets the response or one failure. Throws AppError where the request is refused. */
    send(request: ClientRequest, listener: ExchangeListener): Exchange {
      let endpoint = admit(request.client)
      let hasResponse = false
      let isRetried = false
      let isOver = false
      const place = capacity.enter({ client: request.client, cut }, request.body !== undefined)
      counts.request()
      budget.countRequest()

      /** Does nothing the second time: a listener that throws at the end of a response also gets a failure. */
      function end(): void {
        if (!isOver) place.leave()
        isOver = true
      }

      function abort(): void {
        if (isOver) return
        end()
        connection.abort(attempt)
      }

      function cut(): void {
        if (isOver) return
        abort()
        counts.fault('stalled')
        listener.onFailure(new ExchangeError('stalled', false, undefined))
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
        pause() {
          place.slowDown()
          connection.pause(attempt)
        },
        resume: () => connection.resume(attempt),
        stream() {
          place.stream()
          connection.allowSilence(attempt, options.streamIdleMs)
        },
        abort,
        cut,
      }
    },
    close: endpoints.close,
  }
}

/** Idempotent methods (RFC 9110, 9.2.2). */
const idempotentMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

/** Whether the request may be sent again if its connection ends before the response: it is idempotent and has no body. */
function isRepeatable({ method, body, hasBody }: UpstreamRequest): boolean {
  return body === undefined && hasBody !== true && idempotentMethods.has(method)
}

/**
 * Whether the upstream itself failed. A closed keep-alive connection means that it was restarted or timed the connection out,
 * not that it is down; a connection closed while the client still sends its body may be the refusal of that body. And without
 * descriptors of its own the gateway cannot connect to anything.
 */
function isUpstreamFault({ fault, isStale, cause }: ExchangeError, { body }: UpstreamRequest): boolean {
  if (isStale || isOutOfDescriptors(cause)) return false
  if (fault === 'reset') return body === undefined || body.readableEnded
  return fault === 'refused' || fault === 'timeout' || fault === 'malformed'
}
