import type { Endpoint } from './endpoint.ts'
import type { ExchangeListener } from './http1/connection.ts'
import type { ResponseHead } from './http1/response-parser.ts'

type Received = { readonly head: ResponseHead; readonly body: Buffer }

const bodyBytesMax = 16_777_216

/** Requests something of an address for the gateway itself, on a connection of its own; rejects if that fails. */
export function getFrom(
  endpoint: Pick<Endpoint, 'send'>,
  {
    target,
    fields,
    timeoutMs,
  }: { target: string; fields: Readonly<Record<string, string>>; timeoutMs: number },
): Promise<Received> {
  const { promise, resolve, reject } = Promise.withResolvers<Received>()
  const chunks: Buffer[] = []
  let bytes = 0
  let head: ResponseHead | undefined
  const listener: ExchangeListener = {
    onHead(response, whole) {
      head = response
      if (whole !== undefined) resolve({ head, body: Buffer.from(whole, 'latin1') })
    },
    onBody(chunk) {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > bodyBytesMax) fail(new Error(`The response has more than ${bodyBytesMax} bytes.`))
    },
    onEnd() {
      if (head !== undefined) resolve({ head, body: Buffer.concat(chunks) })
    },
    onFailure: reject,
  }
  const lines = Object.entries({ ...fields, connection: 'close' }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  const request = {
    method: 'GET',
    target,
    head: `${lines.join('')}\r\n`,
    body: undefined,
    isChunked: false,
  }
  const timeout = setTimeout(() => fail(new Error('The response did not arrive in time.')), timeoutMs)
  const connection = endpoint.send(request, listener, true)

  function fail(error: Error): void {
    connection.abort(listener)
    reject(error)
  }

  return promise.finally(() => clearTimeout(timeout))
}

/** The value of a field of a response; undefined if it has none. */
export function fieldOf({ headers }: ResponseHead, name: string): string | undefined {
  const at = headers.findIndex((other, i) => i % 2 === 0 && other.toLowerCase() === name)
  return at < 0 ? undefined : headers[at + 1]
}
