import type { Clock } from '@quintet/chassis/clock'
import { createFailureLog } from '@quintet/chassis/telemetry'
import type { Logger } from '@quintet/chassis/telemetry'
import type { Resolve } from './addresses.ts'
import { createCapacity } from './capacity.ts'
import type { CapacityOptions } from './capacity.ts'
import type { Endpoint } from './endpoint.ts'
import { createEndpoints } from './endpoints.ts'
import type { Repeat } from './endpoints.ts'
import { createRetryBudget } from './retry-budget.ts'
import { Exchange } from './exchange.ts'
import type { ClientRequest } from './exchange.ts'
import type { ExchangeError, ExchangeListener, UpstreamRequest } from './http1/connection.ts'
import type { UpstreamMetrics } from './upstream-metrics.ts'
import type { UpstreamTls } from './http1/open-socket.ts'
import { circuitOpen } from './upstream-problems.ts'

export type UpstreamOptions = CapacityOptions & {
  /** Its addresses. */
  readonly urls: readonly URL[]
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
  readonly repeat?: Repeat | undefined
  readonly tls?: UpstreamTls | undefined
}

export type Upstream = ReturnType<typeof createUpstream>

/** One service behind the gateway, isolated by circuit breakers, a retry budget and limits on requests in flight. */
export function createUpstream(options: UpstreamOptions) {
  const { service, urls, clock, logger } = options
  const budget = createRetryBudget({ clock, percent: options.retryPercent })
  const capacity = createCapacity(options)
  const tlsFaults = createFailureLog(
    logger,
    { failing: 'a service cannot be reached with TLS', details: { upstream: service } },
    clock.now,
  )
  const endpoints = createEndpoints({
    ...options,
    onCircuitChange: (address, state, reason) =>
      logger.warn({ upstream: service, address, state, reason }, 'the circuit changed its state'),
    onTlsFault: (address, reason) => tlsFaults.failed(reason, { address }),
  })
  const counts = options.metrics.register(service, urls, {
    circuit: endpoints.state,
    inFlight: capacity.inFlight,
    endpoints: endpoints.list,
  })

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
  function endpointForRetry(
    request: ClientRequest,
    { fault }: ExchangeError,
    failed: Endpoint,
  ): Endpoint | undefined {
    // Of a refused request nothing was sent, and nothing of a body that waits was read.
    const isUnread = request.body === undefined || request.expectsContinue === true
    const mayRepeat = fault === 'refused' ? isUnread : fault === 'reset' && isRepeatable(request)
    if (!mayRepeat) return undefined
    const endpoint = endpoints.next(failed)
    return endpoint !== undefined && budget.tryConsume() ? endpoint : undefined
  }

  const parts = { capacity, counts, streamIdleMs: options.streamIdleMs, endpointForRetry }
  return {
    service,
    urls,
    /** The longest Host that a request to it has. */
    hostLengthMax: Math.max(...urls.map(({ host }) => host.length)),
    circuit: endpoints.state,
    endpoints: endpoints.list,
    /** Throws AppError if a request of this client would be refused now. */
    check: (client: string): void => void admit(client),
    /** Sends a request; the listener gets the response or one failure. Throws AppError where the request is refused. */
    send(request: ClientRequest, listener: ExchangeListener): Exchange {
      const endpoint = admit(request.client)
      counts.request()
      budget.countRequest()
      return new Exchange(parts, endpoint, request, listener)
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
