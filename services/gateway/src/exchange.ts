import type { Lane, Member } from '@quintet/chassis/concurrency'
import { isOutOfDescriptors } from '@quintet/chassis/errors'
import type { RecordedSpan } from '@quintet/chassis/telemetry'
import type { Capacity, Holder } from './capacity.ts'
import type { Endpoint } from './endpoint.ts'
import { ExchangeError } from './http1/connection.ts'
import type {
  ExchangeFailure,
  ExchangeListener,
  HttpConnection,
  UpstreamRequest,
} from './http1/connection.ts'
import type { ResponseHead } from './http1/response-parser.ts'
import type { UpstreamCounts } from './upstream-metrics.ts'

/** A request of a client. A small body is part of `head`; `body` is a large one, which is sent as it arrives. */
export type ClientRequest = UpstreamRequest & {
  /** Who sent it. */
  readonly client: string
  /** What is recorded of it. */
  readonly span?: RecordedSpan | undefined
}

/** How long a request keeps its place whose client has gone before the response: half of what the gateway waits for one. */
const abandonedMs = 4_000

/** What the exchanges with one upstream share. */
type ExchangeParts = {
  readonly capacity: Capacity
  readonly counts: UpstreamCounts
  /** The longest silence of a response of server-sent events. */
  readonly streamIdleMs: number
  /** The address for a second attempt, if there may be one. */
  endpointForRetry(request: ClientRequest, failure: ExchangeError, failed: Endpoint): Endpoint | undefined
}

/**
 * A request in progress, with a second attempt where that is safe. A class, unlike the rest of the code: it is made for each
 * request, and a closure for each method would cost several times its memory.
 */
export class Exchange implements ExchangeListener, Holder {
  readonly client: string
  lane: Lane | undefined
  before: Member | undefined
  after: Member | undefined
  list: Member['list']
  readonly #parts: ExchangeParts
  readonly #request: ClientRequest
  readonly #listener: ExchangeListener
  #endpoint: Endpoint
  #connection: HttpConnection
  #hasResponse = false
  #isRetried = false
  #isOver = false
  #status = 0
  #startedAt = performance.now()

  /** Sends the request; the listener gets the response or one failure. */
  constructor(parts: ExchangeParts, endpoint: Endpoint, request: ClientRequest, listener: ExchangeListener) {
    this.client = request.client
    this.lane = undefined
    this.before = undefined
    this.after = undefined
    this.list = undefined
    this.#parts = parts
    this.#request = request
    this.#listener = listener
    this.#endpoint = endpoint
    parts.capacity.enter(this, request.body !== undefined)
    endpoint.enter()
    this.#connection = endpoint.send(request, this)
  }

  /** Stops reading the response until `resume`; called from within `onHead` or `onBody`. */
  pause(): void {
    this.#parts.capacity.slowDown(this)
    this.#connection.pause(this)
  }

  resume(): void {
    this.#connection.resume(this)
  }

  /** The response is a stream of server-sent events; called from within `onHead`. Throws AppError where there are too many. */
  stream(): void {
    this.#parts.capacity.stream(this)
    this.#connection.allowSilence(this, this.#parts.streamIdleMs)
  }

  /** Aborts because the client has gone; does nothing once the exchange has ended. */
  abort(): void {
    if (this.#isOver) return
    this.#leaveEndpoint()
    this.#connection.abort(this)
    const { capacity } = this.#parts
    // The request may still wait at the service: a server accepts one connection in each turn of its event loop.
    if (this.#hasResponse) capacity.leave(this)
    else setTimeout(() => capacity.leave(this), abandonedMs).unref()
  }

  /** Fails because the client is too slow; does nothing once the exchange has ended. */
  cut(): void {
    if (this.#isOver) return
    this.#fail('stalled')
    this.#end()
    this.#connection.abort(this)
    this.#listener.onFailure(new ExchangeError('stalled', false, undefined))
  }

  onHead(head: ResponseHead, whole: string | undefined): void {
    this.#hasResponse = true
    this.#status = head.status
    this.#endpoint.circuit.responded()
    if (whole !== undefined) this.#endResponse()
    this.#listener.onHead(head, whole)
  }

  onBody(chunk: Buffer): void {
    this.#listener.onBody(chunk)
  }

  onEnd(): void {
    this.#endResponse()
    this.#listener.onEnd()
  }

  /** Also called after the end of a response, if that is what the listener failed at. */
  onFailure(failure: ExchangeError): void {
    const { counts, endpointForRetry } = this.#parts
    this.#fail(failure.fault)
    if (!this.#hasResponse && isUpstreamFault(failure, this.#request)) this.#endpoint.faulted(failure)
    const next =
      this.#hasResponse || this.#isRetried
        ? undefined
        : endpointForRetry(this.#request, failure, this.#endpoint)
    if (next === undefined) {
      this.#end()
      this.#listener.onFailure(failure)
      return
    }
    this.#isRetried = true
    this.#request.span?.set('http.request.resend_count', 1)
    this.#startedAt = performance.now()
    counts.retry()
    this.#endpoint.leave()
    this.#endpoint = next
    next.enter()
    this.#connection = next.send(this.#request, this, true)
  }

  #endResponse(): void {
    this.#end()
    const { host } = this.#endpoint
    const durationMs = performance.now() - this.#startedAt
    this.#parts.counts.response(host, this.#request.method, this.#status, durationMs)
  }

  #fail(fault: ExchangeFailure): void {
    const { counts } = this.#parts
    counts.fault(fault)
    if (this.#isOver) return
    counts.failure(this.#endpoint.host, this.#request.method, fault, performance.now() - this.#startedAt)
  }

  #end(): void {
    this.#leaveEndpoint()
    this.#parts.capacity.leave(this)
  }

  #leaveEndpoint(): void {
    if (!this.#isOver) this.#endpoint.leave()
    this.#isOver = true
  }
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
