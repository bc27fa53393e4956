import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { ask } from './ask.ts'
import { startGateway } from './start-gateway.ts'
import { startRawUpstream } from './start-upstream.ts'

/**
 * Responses whose end two clients may find in different places, so that a part of one becomes the response to another request.
 * The client gets 502 or a truncated response, and the next clients get their own.
 */

const smuggled = 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled'
const chunked = 'Transfer-Encoding: chunked\r\n'
const end = '0\r\n\r\n'

const response = (fields: string, body = '', line = 'HTTP/1.1 200 OK') => `${line}\r\n${fields}\r\n${body}`

/** A service that sends these parts, with a pause between them, for /guids?first, and the target for all others. */
async function createWorld(t: TestContext, parts: readonly string[]) {
  const respond = async (socket: Socket, line: string) => {
    const [method = '', target = ''] = line.split(' ')
    if (target !== '/guids?first')
      return socket.write(response(`Content-Length: ${target.length}\r\n`, method === 'HEAD' ? '' : target))
    for (const [at, part] of parts.entries()) {
      if (at > 0) await pause()
      socket.write(part, 'latin1')
    }
  }
  const GUID_URL = await startRawUpstream(t, (socket) =>
    socket.on('data', (data) => void respond(socket, String(data))),
  )
  // The failures are those of the test, and must not open the circuit.
  const settings = {
    GATEWAY_CIRCUIT_FAULTS_MAX: 1_000,
    GATEWAY_CIRCUIT_FAULT_PERCENT: 100,
    GATEWAY_TIMEOUT_MS: 300,
  }
  const { url } = await startGateway(t, { GUID_URL, ...settings })
  return (target: string, method = 'GET') =>
    ask(`${url}${target}`, { method }).then(
      ({ status, body }) => (status === 200 ? body.toString() : status),
      () => 'truncated',
    )
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 30))

const rejected: Record<string, string> = {
  'CL.TE': response(`Content-Length: 5\r\n${chunked}`, end + smuggled),
  'TE.CL': response(`${chunked}Content-Length: 5\r\n`, end + smuggled),
  'TE.TE, an unknown coding last': response(`${chunked}Transfer-Encoding: cow\r\n`, end + smuggled),
  'TE.TE, an unknown coding first': response(`Transfer-Encoding: cow\r\n${chunked}`, end + smuggled),
  'TE.TE, a list': response('Transfer-Encoding: gzip, chunked\r\n', end + smuggled),
  'TE.TE, identity': response('Transfer-Encoding: identity\r\nContent-Length: 5\r\n', `hello${smuggled}`),
  'TE.TE, nearly chunked': response('Transfer-Encoding: xchunked\r\n', end + smuggled),
  'TE.TE, a vertical tab': response('Transfer-Encoding: \x0bchunked\r\n', end + smuggled),
  'TE.TE, a tab after it': response('Transfer-Encoding: chunked\t\r\n', end + smuggled),
  'TE.TE, a space before the colon': response('Transfer-Encoding : chunked\r\n', end + smuggled),
  'TE.TE, folded': response('Transfer-Encoding:\r\n chunked\r\n', end + smuggled),
  'TE.TE, NUL in the name': response('Transfer-Encoding\0: chunked\r\n', end + smuggled),
  'TE.TE, after a line feed alone': response('X-A: 1\nTransfer-Encoding: chunked\r\n', end + smuggled),
  'TE.TE, after a carriage return alone': response('X-A: 1\rTransfer-Encoding: chunked\r\n', end),
  'TE.TE, in HTTP/1.0': response(chunked, end + smuggled, 'HTTP/1.0 200 OK'),
  'CL.0': response('Content-Length: 0\r\n', smuggled),
  'a length that is too short': response('Content-Length: 5\r\n', `hello${smuggled}`),
  'lengths that differ': response('Content-Length: 5\r\nContent-Length: 6\r\n', 'hello'),
  'lengths that agree': response('Content-Length: 5\r\nContent-Length: 5\r\n', 'hello'),
  'a list of lengths': response('Content-Length: 5, 5\r\n', 'hello'),
  'a length with a plus': response('Content-Length: +5\r\n', 'hello'),
  'a length in hexadecimal': response('Content-Length: 0x5\r\n', 'hello'),
  'an empty length': response('Content-Length:\r\n', 'hello'),
  'a length of more than 64 bits': response('Content-Length: 18446744073709551621\r\n', 'hello'),
  'a length with NUL in its name': response('Content-Length\0: 5\r\n', 'hello'),
  'a folded length': response('Content-Length:\r\n 5\r\n', 'hello'),
  'a body of a 204': response('Content-Length: 53\r\n', smuggled, 'HTTP/1.1 204 No Content'),
  'a second response after a 204': response('', smuggled, 'HTTP/1.1 204 No Content'),
  'a body of a 205': response(
    `Content-Length: ${smuggled.length}\r\n`,
    smuggled,
    'HTTP/1.1 205 Reset Content',
  ),
  'a body of a 304': response(
    `Content-Length: ${smuggled.length}\r\n`,
    smuggled,
    'HTTP/1.1 304 Not Modified',
  ),
  'a body of an interim response': response(
    'Content-Length: 5\r\n',
    `hello${smuggled}`,
    'HTTP/1.1 103 Early Hints',
  ),
  'another protocol': response(
    'Upgrade: x\r\nConnection: Upgrade\r\n',
    smuggled,
    'HTTP/1.1 101 Switching Protocols',
  ),
  'line feeds as line ends': 'HTTP/1.1 200 OK\nContent-Length: 5\n\nhello',
  'carriage returns as line ends': 'HTTP/1.1 200 OK\rContent-Length: 5\r\rhello',
  'a head that ends in a line feed': 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\nhello',
  'an empty line before the response': `\r\n${response('Content-Length: 5\r\n', 'hello')}`,
  'a folded field': response('X-A: 1\r\n b\r\nContent-Length: 5\r\n', 'hello'),
  'HTTP/0.9': 'hello',
}

for (const [name, text] of Object.entries(rejected))
  test(`A response gets 502, and the next requests their own responses: ${name}`, async (t) => {
    const send = await createWorld(t, [text])
    assert.equal(await send('/guids?first'), name === 'HTTP/0.9' ? 504 : 502)
    for (const target of ['/guids?second', '/guids?third']) assert.equal(await send(target), target)
  })

/** Only the body is wrong, so that the head may have been passed on. */
const truncated: Record<string, string> = {
  'bytes after the last chunk': response(chunked, end + smuggled),
  'an extension that ends in a line feed': response(chunked, `5;a\nhello\r\n${end}`),
  'an extension without a name': response(chunked, `5;\r\nhello\r\n${end}`),
  'an extension with a carriage return': response(chunked, `5;a\rb\r\nhello\r\n${end}`),
  'an extension with NUL': response(chunked, `5;a\0\r\nhello\r\n${end}`),
  'a chunk size with 0x': response(chunked, `0x5\r\nhello\r\n${end}`),
  'a chunk size with a plus': response(chunked, `+5\r\nhello\r\n${end}`),
  'a chunk size before a space': response(chunked, `5 \r\nhello\r\n${end}`),
  'a chunk size of more than 64 bits': response(chunked, `10000000000000005\r\nhello\r\n${end}`),
  'a chunk that is longer than its size': response(chunked, `5\r\nhelloXX${end}${smuggled}`),
  'a chunk without a line end': response(chunked, `5\r\nhello${end}${smuggled}`),
  'chunk lines that end in line feeds': response(chunked, '5\nhello\n0\n\n'),
  'a last chunk that ends in one line feed': response(chunked, `0\r\n\n${smuggled}`),
  'a response as trailer': response(chunked, `0\r\n${smuggled}`),
  'a length as trailer': response(chunked, '0\r\nContent-Length: 5\r\n\r\n'),
  'a coding as trailer': response(chunked, `0\r\n${chunked}\r\n`),
  'a trailer with a space before the colon': response(chunked, '0\r\nX-T : 1\r\n\r\n'),
  'a folded trailer': response(chunked, '0\r\nX-T: 1\r\n 2\r\n\r\n'),
  'a trailer with NUL': response(chunked, '0\r\nX-T: 1\0\r\n\r\n'),
}

for (const [name, text] of Object.entries(truncated))
  test(`A response is truncated, and the next requests get their own: ${name}`, async (t) => {
    const send = await createWorld(t, [text])
    assert.equal(await send('/guids?first'), 'truncated')
    for (const target of ['/guids?second', '/guids?third']) assert.equal(await send(target), target)
  })

test('A response to HEAD with a body gets 502, and the next requests their own responses', async (t) => {
  const send = await createWorld(t, [smuggled + smuggled])
  assert.equal(await send('/guids?first', 'HEAD'), 502)
  for (const target of ['/guids?second', '/guids?third']) assert.equal(await send(target), target)
})

const complete: Record<string, readonly string[]> = {
  'a second response': [response('Content-Length: 5\r\n', 'hello'), smuggled],
  'a second response after chunks': [response(chunked, `5\r\nhello\r\n${end}`), smuggled],
  'an empty line': [response('Content-Length: 5\r\n', 'hello'), '\r\n'],
  'half a head': [response('Content-Length: 5\r\n', 'hello'), 'HTTP/1.1 200 OK\r\n'],
}

for (const [name, parts] of Object.entries(complete))
  test(`What comes unrequested while a connection is idle closes it: ${name}`, async (t) => {
    const send = await createWorld(t, parts)
    assert.equal(await send('/guids?first'), 'hello')
    await pause()
    await pause()
    for (const target of ['/guids?second', '/guids?third']) assert.equal(await send(target), target)
  })

test('Pauses within a response change nothing', async (t) => {
  const text = response(chunked, `5;a=b\r\nhello\r\n${end}`)
  const send = await createWorld(t, [
    text.slice(0, 20),
    text.slice(20, 50),
    text.slice(50, 58),
    text.slice(58),
  ])
  assert.equal(await send('/guids?first'), 'hello')
  assert.equal(await send('/guids?second'), '/guids?second')
})
