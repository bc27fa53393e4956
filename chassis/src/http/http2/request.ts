import type { IncomingMessage as NodeRequest } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { AppError } from '../../errors/index.ts'

// An import of node:http would evaluate all of its exports, among them WebSocket and with it undici.
const { IncomingMessage, METHODS } = process.getBuiltinModule('node:http')
const methods: ReadonlySet<string> = new Set(METHODS)

/** What gives a request its fields, so that they are joined as in HTTP/1.1. It has no public name. */
const addHeaderLines: (this: NodeRequest, fields: string[], count: number) => void = Reflect.get(
  IncomingMessage.prototype,
  '_addHeaderLines',
)

/** The parts of a request that are fields in HTTP/2, and not in HTTP/1.1. */
type RequestHead = {
  /** Empty for one that HTTP/1.1 does not have here: there is no end of them, and what counts by method would have none either. */
  readonly method: string
  readonly path: string
  /** Names and values in turn, as they would be in HTTP/1.1. */
  readonly fields: string[]
  readonly bytes: number
  /** Whether the value of a field begins or ends with whitespace. */
  readonly hasOuterSpace: boolean
}

/**
 * The head as an intermediary would forward it by HTTP/1.1 (RFC 9113, 8): Host for the authority, one Cookie field, and the chunked
 * coding for a body whose length is not stated. Where the authority and Host differ, both remain, and the request is refused.
 */
export function requestHeadOf(raw: readonly string[], hasBody: boolean): RequestHead {
  const pseudo = new Map<string, string>()
  const fields: string[] = []
  const cookies: string[] = []
  const hosts = new Set<string>()
  let hasLength = false
  let hasOuterSpace = false
  let bytes = 0
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [name = '', value = ''] = [raw[at], raw[at + 1]]
    bytes += name.length + value.length + fieldOverheadBytes
    if (name.startsWith(':')) pseudo.set(name, value)
    else if (name === 'host') hosts.add(value)
    else if (name === 'cookie') cookies.push(value)
    else fields.push(name, value)
    if (name === 'content-length') hasLength = true
    if (outerSpace.test(value)) hasOuterSpace = true
  }
  const authority = pseudo.get(':authority')
  if (authority !== undefined) hosts.add(authority)
  if (cookies.length > 0) fields.push('cookie', cookies.join('; '))
  if (hasBody && !hasLength) fields.push('transfer-encoding', 'chunked')
  const method = pseudo.get(':method') ?? ''
  return {
    method: methods.has(method) ? method : '',
    path: pseudo.get(':path') ?? '',
    fields: [...[...hosts].flatMap((host) => ['host', host]), ...fields],
    bytes,
    hasOuterSpace,
  }
}

const outerSpace = /^[ \t]|[ \t]$/

/** What a line of HTTP/1.1 has besides the name and the value. */
const fieldOverheadBytes = 4

/** A stream of HTTP/2 as a request of Node's server, so that everything behind it is the same as for HTTP/1.1. */
export class Http2Request extends IncomingMessage {
  readonly stream: ServerHttp2Stream
  /** Why it is refused whatever its route. */
  readonly refusal: AppError | undefined
  /** Of the body. */
  bytesRead = 0
  #isReading = false

  constructor(socket: Socket, stream: ServerHttp2Stream, head: RequestHead, refusal: AppError | undefined) {
    super(socket)
    this.stream = stream
    this.refusal = refusal
    this.httpVersion = '2.0'
    this.httpVersionMajor = 2
    this.httpVersionMinor = 0
    this.method = head.method
    this.url = head.path
    Object.assign(this, { joinDuplicateHeaders: true })
    addHeaderLines.call(this, head.fields, head.fields.length)
    if (stream.endAfterHeaders) this.#end()
  }

  /** The body is read from the stream only once it is read from here, so that the client is held back. */
  override _read(): void {
    const { stream } = this
    if (this.complete || stream.destroyed) return
    if (!this.#isReading) {
      this.#isReading = true
      stream.on('data', (chunk: Buffer) => {
        this.bytesRead += chunk.length
        if (!this.push(chunk)) stream.pause()
      })
      stream.once('end', () => this.#end())
    }
    stream.resume()
  }

  /** As of a connection that ends: an error is only for those who listen for one. */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!this.readableEnded || !this.complete) {
      this.aborted = true
      this.emit('aborted')
    }
    if (!this.complete && !this.stream.closed) this.stream.close(cancel)
    process.nextTick(() => callback(this.listenerCount('error') === 0 ? null : error))
  }

  #end(): void {
    // A stream that the client has reset ends as well.
    if (this.stream.aborted) return
    this.complete = true
    this.push(null)
  }
}

/** RFC 9113, 7. */
const cancel = 0x08
