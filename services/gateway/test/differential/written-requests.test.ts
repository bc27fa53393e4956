import assert from 'node:assert/strict'
import { METHODS } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import fc from 'fast-check'
import { startGateway } from '../start-gateway.ts'
import { startUpstream } from '../start-upstream.ts'

/**
 * What the gateway writes, read by Node's server as referee: whatever a client sends, the service reads one request with the
 * same method, target, fields and, where it has a meaning, body; or none.
 */

/** Methods whose bodies have no meaning (RFC 9110, 9.3.1, 9.3.2 and 9.3.5), and are not forwarded. */
const withoutBody = ['GET', 'HEAD', 'DELETE']

type Field = readonly [name: string, value: string]
type Sent = {
  readonly method: string
  readonly target: string
  readonly fields: readonly Field[]
  /** The body in the chunks in which it is sent; undefined without a body. */
  readonly chunks: readonly string[] | undefined
  readonly isChunked: boolean
  /** Where the bytes are cut into two writes, as a share of them. */
  readonly cut: number
}

/** Text of these codes, as latin1. */
const textOf = (codes: readonly number[], lengths: { minLength?: number; maxLength: number }) =>
  fc.string({ unit: fc.constantFrom(...codes).map((code) => String.fromCharCode(code)), ...lengths })
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at)
const codesOf = (text: string) => [...text].map((character) => character.charCodeAt(0))

const tokenCodes = codesOf("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
const valueCodes = [0x09, ...range(0x20, 0x7e), ...range(0x80, 0xff)]
const name = fc.oneof(
  textOf(tokenCodes, { minLength: 1, maxLength: 20 }),
  fc.constantFrom(
    'Accept',
    'Cookie',
    'TE',
    'Trailer',
    'Keep-Alive',
    'Upgrade',
    'Via',
    'Connection',
    'X-A',
    'Expect',
  ),
)
const value = fc.oneof(
  textOf(valueCodes, { maxLength: 30 }),
  fc.constantFrom('', 'close', 'keep-alive, x-a', 'content-length', '100-continue'),
)
const body = textOf(range(0, 255), { minLength: 1, maxLength: 200 })

const sent: fc.Arbitrary<Sent> = fc.record({
  method: fc.constantFrom(...METHODS.filter((method) => !['CONNECT', 'TRACE'].includes(method))),
  target: textOf(range(0x21, 0x7e), { maxLength: 30 }).map((query) => `/guids?${query}`),
  fields: fc.array(fc.tuple(name, value), { maxLength: 6 }),
  chunks: fc.option(fc.array(body, { maxLength: 4 }), { nil: undefined }),
  isChunked: fc.boolean(),
  cut: fc.double({ min: 0, max: 1, noNaN: true }),
})

function bytesOf({ method, target, fields, chunks, isChunked }: Sent): string {
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const head = `${method} ${target} HTTP/1.1\r\nHost: a\r\n${lines}`
  if (chunks === undefined) return `${head}\r\n`
  if (!isChunked) return `${head}Content-Length: ${chunks.join('').length}\r\n\r\n${chunks.join('')}`
  const coded = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')
  return `${head}Transfer-Encoding: chunked\r\n\r\n${coded}0\r\n\r\n`
}

/** A service that keeps what it reads, each request on whatever connection. */
async function createWorld(t: TestContext) {
  const received: { method: string; target: string; fields: string[]; body: string }[] = []
  const GUID_URL = await startUpstream(t, (incoming, response) => {
    let text = ''
    incoming.setEncoding('latin1').on('data', (part) => {
      text += part
    })
    incoming.on('error', () => {})
    incoming.on('end', () => {
      const { method = '', url = '', rawHeaders } = incoming
      received.push({ method, target: url, fields: rawHeaders, body: text })
      response.end('ok')
    })
  })
  const { port } = await startGateway(t, { GUID_URL })
  /** The status of the response, once it has come or the connection is closed. */
  const send = (request: Sent) =>
    new Promise<number>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      const bytes = Buffer.from(bytesOf(request), 'latin1')
      const cut = Math.floor(request.cut * bytes.length)
      let text = ''
      const settle = () => {
        const [, status] = /(?:^|\r\n)HTTP\/1\.1 ([2-5]\d\d) [\s\S]*?\r\n\r\n/.exec(text) ?? []
        if (status === undefined && !socket.destroyed) return
        resolve(Number(status))
        socket.destroy()
      }
      socket.on('data', (data) => {
        text += data.toString('latin1')
        settle()
      })
      socket.on('error', () => {})
      socket.on('close', settle)
      socket.write(bytes.subarray(0, cut))
      setImmediate(() => socket.write(bytes.subarray(cut)))
    })
  return { received, send }
}

const requests = 1_000

test('Any request that the gateway lets through is read by the service as it was sent, and any other not at all', async (t) => {
  const { received, send } = await createWorld(t)
  let passed = 0
  await fc.assert(
    fc.asyncProperty(sent, async (request) => {
      received.length = 0
      const status = await send(request)
      if (status !== 200) return assert.deepEqual(received, [], String(status))
      passed += 1
      const [one, ...others] = received
      assert.deepEqual(others, [])
      assert.deepEqual([one?.method, one?.target], [request.method, request.target])
      const hasBody = !withoutBody.includes(request.method)
      assert.equal(one?.body, hasBody ? (request.chunks ?? []).join('') : '')
      assert.deepEqual(clientFields(pairsOf(one?.fields ?? [])), clientFields(request.fields))
    }),
    { numRuns: requests, seed: 18 },
  )
  t.diagnostic(`${passed} requests read by the service as they were sent`)
  t.diagnostic(`${requests - passed} requests refused, of which nothing reached the service`)
  assert.ok(passed > 300, `${passed} of the requests were let through`)
})

function pairsOf(fields: readonly string[]): Field[] {
  return Array.from({ length: fields.length / 2 }, (_, at) => [
    fields[2 * at] ?? '',
    fields[2 * at + 1] ?? '',
  ])
}

/** The fields that are the client's own, for whoever reads the request in the end. */
function clientFields(fields: readonly Field[]): Field[] {
  const nominated = fields
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) =>
      value
        .toLowerCase()
        .split(',')
        .map((option) => trimmed(option)),
    )
  return fields
    .map(([name, value]): Field => [name, trimmed(value)])
    .filter(([name]) => ![...connectionFields, ...gatewayFields, ...nominated].includes(name.toLowerCase()))
}

const trimmed = (value: string) => value.replace(/^[\t ]+|[\t ]+$/g, '')
const connectionFields = 'connection,keep-alive,proxy-connection,te,trailer,transfer-encoding,upgrade'.split(
  ',',
)
const gatewayFields =
  'content-length,expect,host,traceparent,tracestate,via,x-forwarded-for,x-forwarded-host,x-forwarded-proto,x-request-id'.split(
    ',',
  )
