import type { ServerResponse } from 'node:http'
import type { OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { allFieldsOf, GuardedResponse } from '../guarded-response.ts'
import type { ConstantFields, Headers } from '../guarded-response.ts'
import type { Http2Request } from './request.ts'

/** Where Node's responses write to, and what they do at their end. The first takes a socket by its type, and any stream in fact. */
const assignSocket: (this: ServerResponse, stream: ServerHttp2Stream) => void = Reflect.get(
  Object(GuardedResponse.prototype),
  'assignSocket',
)
const finish: (this: ServerResponse) => void = Reflect.get(GuardedResponse.prototype, '_finish')
const send: (this: ServerResponse, ...parts: SendParts) => boolean = Reflect.get(
  GuardedResponse.prototype,
  '_send',
)
type SendParts = [data: string | Uint8Array, encoding?: BufferEncoding, callback?: () => void, bytes?: number]

/** Fields of a connection, which HTTP/2 does not have (RFC 9113, 8.2.2). */
const ofConnection = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'])

/** A response of Node's server whose head is a frame, and whose body is written to the stream. */
export class Http2Response extends GuardedResponse<Http2Request> {
  readonly #constantFields: ConstantFields
  readonly #stream: ServerHttp2Stream

  constructor(request: Http2Request, constantFields: ConstantFields) {
    super(request)
    this.#constantFields = constantFields
    this.#stream = request.stream
    assignSocket.call(this, this.#stream)
    this.#stream.on('drain', () => this.emit('drain'))
  }

  override get constantFields(): ConstantFields {
    return this.#constantFields
  }

  override _storeHeader(_start: string, headers: Headers): void {
    const stream = this.#stream
    Object.assign(this, { _header: ' ', _headerSent: true })
    if (stream.destroyed || stream.closed || stream.headersSent) return
    const isSetOneByOne = !Array.isArray(headers) && this.getHeaderNames().length > 0
    const list = allFieldsOf(this, isSetOneByOne ? this.getHeaders() : headers)
    const { _hasBody: hasBody, _contentLength: length } = Object(this)
    const fields: OutgoingHttpHeaders = { ':status': this.statusCode }
    for (let i = 0; i < list.length; i += 2) add(fields, (list[i] ?? '').toLowerCase(), list[i + 1] ?? '')
    if (hasBody && typeof length === 'number') fields['content-length'] ??= String(length)
    const options = { endStream: !hasBody, sendDate: this.sendDate }
    stream.respond(fields, options)
  }

  /** Without data there is nothing to send: the end of the stream is in a frame of its own, or in the last one with data. */
  _send(...parts: SendParts): boolean {
    const [data, , callback] = parts
    if (data.length > 0) return send.apply(this, parts)
    if (callback !== undefined) this.#whenWritten(callback)
    return true
  }

  _finish(): void {
    finish.call(this)
    if (!this.#stream.writableEnded) this.#stream.end()
  }

  override writeContinue(): void {
    const stream = this.#stream
    if (!stream.headersSent && !stream.closed) stream.additionalHeaders({ ':status': 100 })
  }

  /** Resets the stream, so that the client sees that a response is not complete. */
  override destroy(): this {
    if (this.destroyed) return this
    this.destroyed = true
    // To close the stream would end it in the ordinary way first.
    this.#stream.destroy(new Error('The response is not complete.'))
    return this
  }

  #whenWritten(callback: () => void): void {
    if (this.#stream.writableLength === 0) process.nextTick(callback)
    else this.#stream.once('finish', callback)
  }
}

function add(fields: OutgoingHttpHeaders, name: string, value: string): void {
  if (ofConnection.has(name)) return
  const before = fields[name]
  if (before === undefined) fields[name] = value
  else fields[name] = [before, value].flat().map(String)
}
