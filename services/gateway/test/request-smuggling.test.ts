import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { closeOf } from '@quintet/chassis/testing/sockets'
import { startGateway } from './start-gateway.ts'
import { startUpstream } from './start-upstream.ts'

/**
 * The published families of request smuggling: requests whose end two servers may find in different places. Each is refused, or
 * reaches the service as the one request that it is.
 */

const smuggled = 'GET /guids?smuggled HTTP/1.1\r\nHost: a\r\n\r\n'
const last = 'GET /guids?last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
const chunked = 'Transfer-Encoding: chunked\r\n'
const end = '0\r\n\r\n'

function request(fields: string, body = '', line = 'POST /guids HTTP/1.1'): string {
  return `${line}\r\nHost: a\r\n${fields}\r\n${body}`
}

const lengthOf = (body: string) => `Content-Length: ${body.length}\r\n`

/** Requests of which nothing reaches the service, nor anything of what follows on the connection. */
const refused = {
  'CL.TE': request(`Content-Length: ${(end + smuggled).length}\r\n${chunked}`, end + smuggled),
  'TE.CL': request(`${chunked}Content-Length: 4\r\n`, `2c\r\n${smuggled}\r\n${end}`),
  'TE.TE, an unknown coding last': request(`${chunked}Transfer-Encoding: cow\r\n`, end + smuggled),
  'TE.TE, an unknown coding first': request(`Transfer-Encoding: cow\r\n${chunked}`, end + smuggled),
  'TE.TE, a list with another coding first': request('Transfer-Encoding: gzip, chunked\r\n', end + smuggled),
  'TE.TE, twice': request(chunked + chunked, end + smuggled),
  'TE.TE, a list that repeats': request('Transfer-Encoding: chunked, chunked\r\n', end + smuggled),
  'TE.TE, a list with an empty member': request('Transfer-Encoding: chunked,\r\n', end + smuggled),
  'TE.TE, a list with another coding last': request('Transfer-Encoding: chunked, gzip\r\n', end + smuggled),
  'TE.TE, identity': request(`Transfer-Encoding: identity\r\n${lengthOf('hello')}`, `hello${smuggled}`),
  'TE.TE, identity without a length': request('Transfer-Encoding: identity\r\n', smuggled),
  'TE.TE, nearly chunked': request('Transfer-Encoding: xchunked\r\n', end + smuggled),
  'TE.TE, quoted': request('Transfer-Encoding: "chunked"\r\n', end + smuggled),
  'TE.TE, with a parameter': request('Transfer-Encoding: chunked;a=b\r\n', end + smuggled),
  'TE.TE, a vertical tab': request('Transfer-Encoding: \x0bchunked\r\n', end + smuggled),
  'TE.TE, a tab after it': request('Transfer-Encoding: chunked\t\r\n', end + smuggled),
  'TE.TE, empty': request('Transfer-Encoding:\r\n', end + smuggled),
  'TE.TE, a space before the colon': request('Transfer-Encoding : chunked\r\n', end + smuggled),
  'TE.TE, folded before': request('Transfer-Encoding:\r\n chunked\r\n', end + smuggled),
  'TE.TE, folded within': request('Transfer-Encoding: chun\r\n ked\r\n', end + smuggled),
  'TE.TE, as a folded line': request('X-A: 1\r\n Transfer-Encoding: chunked\r\n', end + smuggled),
  'TE.TE, a line feed in the name': request('Transfer-Encoding\n: chunked\r\n', end + smuggled),
  'TE.TE, after a line feed alone': request('X-A: 1\nTransfer-Encoding: chunked\r\n', end + smuggled),
  'TE.TE, after a carriage return alone': request('X-A: 1\rTransfer-Encoding: chunked\r\n', end + smuggled),
  'TE.TE, NUL in the name': request('Transfer-Encoding\0: chunked\r\n', end + smuggled),
  'TE.TE, in HTTP/1.0': request(chunked, end + smuggled, 'POST /guids HTTP/1.0'),
  'lengths that differ': request('Content-Length: 0\r\nContent-Length: 44\r\n', smuggled),
  'lengths that agree': request('Content-Length: 5\r\nContent-Length: 5\r\n', 'hello'),
  'a list of lengths': request('Content-Length: 5, 5\r\n', 'hello'),
  'a length with a plus': request('Content-Length: +5\r\n', 'hello'),
  'a length with a minus': request('Content-Length: -5\r\n', 'hello'),
  'a length in hexadecimal': request('Content-Length: 0x5\r\n', 'hello'),
  'a length with a fraction': request('Content-Length: 5.0\r\n', 'hello'),
  'a length with an exponent': request('Content-Length: 5e0\r\n', 'hello'),
  'two numbers as length': request('Content-Length: 5 5\r\n', 'hello'),
  'an empty length': request('Content-Length:\r\n', smuggled),
  'a length that is no number': request('Content-Length: abc\r\n', smuggled),
  'a length of more than 64 bits': request('Content-Length: 18446744073709551621\r\n', 'hello'),
  'a folded length': request('Content-Length:\r\n 5\r\n', 'hello'),
  'a length after a space before the colon': request('Content-Length : 5\r\n', 'hello'),
  'a length with NUL in its name': request('Content-Length\0: 5\r\n', 'hello'),
  'a length with NUL': request('Content-Length: 5\0\r\n', 'hello'),
  'a length after a vertical tab': request('Content-Length: \x0b5\r\n', 'hello'),
  'an extension without a name, and a line feed': request(chunked, `2;\nxx\r\n${end}${smuggled}`),
  'an extension that ends in a line feed': request(chunked, `5;a\nhello\r\n${end}${smuggled}`),
  'an extension with a carriage return': request(chunked, `5;a\rb\r\nhello\r\n${end}`),
  'an extension with NUL': request(chunked, `5;a\0\r\nhello\r\n${end}`),
  'an extension of 20,000 bytes': request(chunked, `5;${'a'.repeat(20_000)}\r\nhello\r\n${end}`),
  'a chunk size with 0x': request(chunked, `0x5\r\nhello\r\n${end}`),
  'a chunk size with a plus': request(chunked, `+5\r\nhello\r\n${end}`),
  'a chunk size with a minus': request(chunked, `-5\r\nhello\r\n${end}`),
  'a chunk size with an underscore': request(chunked, `5_0\r\nhello\r\n${end}`),
  'a chunk size before a space': request(chunked, `5 \r\nhello\r\n${end}`),
  'a chunk size after a space': request(chunked, ` 5\r\nhello\r\n${end}`),
  'an empty chunk size': request(chunked, `\r\nhello\r\n${end}`),
  'a chunk size of more than 64 bits': request(chunked, `10000000000000005\r\nhello\r\n${end}`),
  'chunk lines that end in line feeds': request(chunked, '5\nhello\n0\n\n'),
  'chunk lines that end in carriage returns': request(chunked, '5\rhello\r0\r\r'),
  'a chunk that is longer than its size': request(chunked, `5\r\nhelloXX${end}${smuggled}`),
  'a chunk that ends in a line feed': request(chunked, `5\r\nhello\n${end}${smuggled}`),
  'a chunk without a line end': request(chunked, `5\r\nhello${end}${smuggled}`),
  'a last chunk of -0': request(chunked, `-0\r\n\r\n${smuggled}`),
  'a last chunk that ends in line feeds': request(chunked, `0\n\n${smuggled}`),
  'a last chunk that ends in one line feed': request(chunked, `0\r\n\n${smuggled}`),
  'a request as trailer': request(chunked, `0\r\n${smuggled}`),
  'a length as trailer': request(chunked, '5\r\nhello\r\n0\r\nContent-Length: 44\r\n\r\n'),
  'a coding as trailer': request(chunked, `5\r\nhello\r\n0\r\n${chunked}\r\n`),
  'a trailer that ends in a line feed': request(chunked, '0\r\nX-T: 1\n\r\n'),
  'a trailer with NUL': request(chunked, '0\r\nX-T: 1\0\r\n\r\n'),
  'a trailer with a space before the colon': request(chunked, '0\r\nX-T : 1\r\n\r\n'),
  'a folded trailer': request(chunked, '0\r\nX-T: 1\r\n 2\r\n\r\n'),
  'line feeds as line ends': 'POST /guids HTTP/1.1\nHost: a\nContent-Length: 5\n\nhello',
  'carriage returns as line ends': 'POST /guids HTTP/1.1\rHost: a\rContent-Length: 5\r\rhello',
  'two carriage returns before a line feed': `POST /guids HTTP/1.1\r\r\nHost: a\r\n${lengthOf('hello')}\r\nhello`,
  'a head that ends in a line feed': `POST /guids HTTP/1.1\r\nHost: a\r\n${lengthOf('hello')}\nhello`,
  'a head that ends in two line feeds': 'POST /guids HTTP/1.1\r\nHost: a\r\nContent-Length: 5\n\nhello',
  'a value with a line feed': request('X-A: a\nX-B: b\r\n'),
  'a value with a carriage return': request('X-A: a\rX-B: b\r\n'),
  'a value with NUL': request('X-A: a\0b\r\n'),
  'a folded value': request('X-A: a\r\n b\r\n'),
  'a value folded by a tab': request('X-A: a\r\n\tb\r\n'),
  'a folded first field': 'POST /guids HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n',
  'a name with a space': request('X A: a\r\n'),
  'a field without a name': request(': a\r\n'),
  'a field without a colon': request('nonsense\r\n'),
  'two versions': request('', '', 'GET /guids HTTP/1.1 HTTP/1.1'),
  'tabs in the request line': request('', '', 'GET\t/guids\tHTTP/1.1'),
  'a line feed in the request line': request('', '', 'GET /guids\n HTTP/1.1'),
  'NUL in the target': request('', '', 'GET /guids?\0 HTTP/1.1'),
  'HTTP/0.9': 'GET /guids\r\n\r\n',
  'HTTP/1.2': request('', '', 'GET /guids HTTP/1.2'),
  'two hosts': request('Host: b\r\n', '', 'GET /guids HTTP/1.1'),
  'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
}

/** Requests that reach the service, with the body that they have there. */
const admitted: Record<string, { bytes: string; body: string; line?: string }> = {
  'CL.0': { bytes: request(lengthOf(smuggled), smuggled), body: smuggled },
  'CL.0, named by Connection': {
    bytes: request(`Connection: Content-Length\r\n${lengthOf(smuggled)}`, smuggled),
    body: smuggled,
  },
  'TE.0, named by Connection': {
    bytes: request(
      `Connection: Transfer-Encoding\r\n${chunked}`,
      `${smuggled.length.toString(16)}\r\n${smuggled}\r\n${end}`,
    ),
    body: smuggled,
  },
  '0.CL, a body after 100 Continue': {
    bytes: request(`Expect: 100-continue\r\n${lengthOf(smuggled)}`, smuggled),
    body: smuggled,
  },
  ...Object.fromEntries(
    (
      [
        // The body of these has no meaning, and is not forwarded.
        ['GET', ''],
        ['DELETE', ''],
        ['OPTIONS', smuggled],
        ['PUT', smuggled],
      ] as const
    ).map(([method, body]) => [
      `CL.0, with ${method}`,
      {
        bytes: request(lengthOf(smuggled), smuggled, `${method} /guids HTTP/1.1`),
        body,
        line: `${method} /guids`,
      },
    ]),
  ),
  'a length with an underscore': { bytes: request('Content_Length: 5\r\n'), body: '' },
  'a length, and another with an underscore': {
    bytes: request(`${lengthOf('hello')}Content_Length: 0\r\n`, 'hello'),
    body: 'hello',
  },
  'a coding with an underscore': {
    bytes: request(`${lengthOf(end)}Transfer_Encoding: chunked\r\n`, end),
    body: end,
  },
  'a length with a leading zero': { bytes: request('Content-Length: 05\r\n', 'hello'), body: 'hello' },
  'a length between tabs': { bytes: request('Content-Length:\t5\t\r\n', 'hello'), body: 'hello' },
  'a coding in upper case': {
    bytes: request('Transfer-Encoding: CHUNKED\r\n', `5\r\nhello\r\n${end}`),
    body: 'hello',
  },
  'a chunk extension': { bytes: request(chunked, `5;a="b"\r\nhello\r\n${end}`), body: 'hello' },
  'a chunk size with zeros': { bytes: request(chunked, `0000000005\r\nhello\r\n000\r\n\r\n`), body: 'hello' },
  'trailers that would be fields': {
    bytes: request(
      chunked,
      '5\r\nhello\r\n0\r\nHost: b\r\nX-Forwarded-For: 1.2.3.4\r\nAuthorization: x\r\n\r\n',
    ),
    body: 'hello',
  },
  'an empty line before the request': { bytes: `\r\n${request(lengthOf('hello'), 'hello')}`, body: 'hello' },
}

/** A service that keeps what it was sent; a request is seen once it is complete. */
async function createWorld(t: TestContext, onHead: 'respond at once' | 'read first' = 'read first') {
  const seen: { line: string; body: string; fields: string[] }[] = []
  const GUID_URL = await startUpstream(t, (incoming, response) => {
    let body = ''
    incoming.setEncoding('latin1').on('data', (text) => {
      body += text
    })
    incoming.on('error', () => {})
    const line = `${incoming.method} ${incoming.url}`
    const isEarly = onHead === 'respond at once'
    if (isEarly) response.end('early')
    incoming.on('end', () => {
      seen.push({ line, body, fields: incoming.rawHeaders })
      if (!isEarly) response.end(line)
    })
  })
  const { port } = await startGateway(t, { GUID_URL })
  /** Sends the parts with a pause between them, and reads until the gateway closes the connection. */
  const send = async (...parts: string[]) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    socket.on('data', (data) => {
      text += data.toString('latin1')
    })
    const closed = closeOf(socket)
    for (const [at, part] of parts.entries()) {
      if (at > 0) await new Promise((resolve) => setTimeout(resolve, 30))
      socket.write(part, 'latin1')
    }
    await closed
    return [...text.matchAll(/HTTP\/1\.1 ([2-5]\d\d) /g)].map(([, status]) => Number(status))
  }
  /** What the service was sent, by the request line; requests on one connection may overtake each other. */
  const bodies = () => Object.fromEntries(seen.map(({ line, body }) => [line, body]))
  return { send, seen, bodies }
}

for (const [name, bytes] of Object.entries(refused))
  test(`Nothing of a request reaches the service: ${name}`, async (t) => {
    const { send, seen } = await createWorld(t)
    const statuses = await send(bytes + last)
    assert.equal(statuses.length, 1)
    assert.ok(Number(statuses[0]) >= 400, String(statuses))
    assert.deepEqual(seen, [])
  })

for (const [name, { bytes, body, line = 'POST /guids' }] of Object.entries(admitted))
  test(`A request reaches the service as what it is: ${name}`, async (t) => {
    const { send, seen, bodies } = await createWorld(t)
    assert.deepEqual(await send(bytes + last), [200, 200])
    assert.equal(seen.length, 2)
    assert.deepEqual(bodies(), { [line]: body, 'GET /guids?last': '' })
    const names = seen.flatMap(({ fields }) => fields.filter((_, at) => at % 2 === 0))
    for (const name of ['Content_Length', 'Transfer_Encoding', 'Authorization'])
      assert.ok(!names.includes(name), name)
    const expectations = seen.flatMap(({ fields }) => fields.filter((_, at) => fields[at - 1] === 'Expect'))
    assert.deepEqual(expectations, bytes.includes('Expect: ') ? ['100-continue'] : [])
  })

test('A request to switch the protocol reaches the service as a plain request', async (t) => {
  const { send, seen } = await createWorld(t)
  const h2c =
    'Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'
  assert.deepEqual(await send(request(h2c, '', 'GET /guids HTTP/1.1')), [200])
  const names = seen.flatMap(({ fields }) =>
    fields.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase()),
  )
  assert.ok(!names.includes('upgrade') && !names.includes('http2-settings'))
})

for (const pause of [
  'in the head',
  'before the body',
  'in a chunk size',
  'in a chunk',
  'before the last chunk',
])
  test(`A pause ${pause} changes nothing`, async (t) => {
    const size = smuggled.length.toString(16)
    const whole = request(chunked, `${size}\r\n${smuggled}\r\n${end}`)
    const cuts = {
      'in the head': whole.indexOf('Encoding'),
      'before the body': whole.indexOf('\r\n\r\n') + 4,
      'in a chunk size': whole.indexOf('\r\n\r\n') + 5,
      'in a chunk': whole.indexOf('GET'),
      'before the last chunk': whole.length - end.length,
    }
    const cut = cuts[pause as keyof typeof cuts]
    const { send, seen, bodies } = await createWorld(t)
    assert.deepEqual(await send(whole.slice(0, cut), whole.slice(cut), last), [200, 200])
    assert.equal(seen.length, 2)
    assert.deepEqual(bodies(), { 'POST /guids': smuggled, 'GET /guids?last': '' })
  })

test('The body of a request that was responded to early is never taken for a request', async (t) => {
  const { send, seen } = await createWorld(t, 'respond at once')
  const body = smuggled.repeat(5_000)
  const bytes = request(lengthOf(body), body)
  const statuses = await send(bytes.slice(0, 100_000), bytes.slice(100_000), last)
  assert.ok(
    statuses.every((status) => status === 200),
    String(statuses),
  )
  assert.ok(seen.every(({ line }) => !line.includes('smuggled')))
})
