import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { TestContext } from 'node:test'
import { AppError } from '@quintet/chassis/errors'
import { createApp, listen } from '@quintet/chassis/http'
import type { AppOptions } from '@quintet/chassis/http'
import { createLogger } from '@quintet/chassis/telemetry'
import { until } from '@quintet/chassis/testing'

const json = 'content-type: application/json\r\n'
const declared = (length: number) => `${json}content-length: ${length}\r\n`
const chunked = `${json}transfer-encoding: chunked\r\n`
const head = (line: string, fields = '') => `${line} HTTP/1.1\r\nhost: x\r\n${fields}\r\n`

for (const [what, start, status] of [
  ['too large', head('POST /things', declared(8_000_000)), 413],
  ['too large in chunks', `${head('POST /things', chunked)}7a1200\r\n`, 413],
  ['of a coding', head('POST /things', `content-encoding: gzip\r\n${declared(8_000_000)}`), 415],
  ['of another type', head('POST /things', 'content-type: text/plain\r\ncontent-length: 8000000\r\n'), 415],
  ['without a route', head('POST /nowhere', declared(8_000_000)), 404],
  ['without a route in chunks', `${head('POST /nowhere', chunked)}7a1200\r\n`, 404],
  ['of another method', head('PUT /things', declared(8_000_000)), 405],
  ['for HTML', head('POST /things', `accept: text/html\r\n${declared(8_000_000)}`), 406],
  ['to a bad path', head('POST /%zz', declared(8_000_000)), 400],
  ['with a bad Host', `POST /things HTTP/1.1\r\nhost: a/b\r\n${declared(8_000_000)}\r\n`, 400],
  ['in a broken chunk', `${head('POST /things', chunked)}zz\r\n`, 400],
  ['after a broken head', `${head('POST /things', 'a b: c\r\n')}`, 400],
  ['that a handler has begun to read', head('POST /abandoned', declared(8_000_000)), 422],
  ['to be ignored', head('GET /things/1', declared(8_000_000)), 200],
] as const)
  test(`A body of 8 MB ${what} can be sent to its end, and its ${status} is read before the connection closes`, async (t) => {
    const { port } = await startApp(t)
    const { text, error, sent } = await sendBody(port, start, Buffer.alloc(8_000_000, 'x'))
    assert.equal(error, undefined)
    assert.equal(sent, true)
    const responses = parse(text)
    assert.deepEqual(
      responses.map((one) => one.status),
      [status],
    )
    assert.equal(responses[0]?.headers.connection, 'close')
    if (status !== 200) assertProblem(responses[0])
  })

test('A small body that is refused is read, and the connection serves the next request', async (t) => {
  const { port } = await startApp(t)
  const refused = `${head('POST /nowhere', declared(2))}{}${head('POST /things', `accept: text/html\r\n${declared(2)}`)}{}`
  const { text } = await exchange(port, `${refused}${head('GET /things/1', 'connection: close\r\n')}`)
  assert.deepEqual(
    parse(text).map(({ status }) => status),
    [404, 406, 200],
  )
})

test('A body after a refusal is read up to a limit in bytes and in time, and then the connection is cut', async (t) => {
  const { port } = await startApp(t, { timeouts: { lingerMs: 300 } })
  const endless = await sendBody(port, head('POST /nowhere', declared(1e12)), Buffer.alloc(200_000_000))
  assert.equal(endless.sent, false)
  const startedAt = performance.now()
  const dripped = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  dripped.write(head('POST /nowhere', declared(1e7)))
  const timer = setInterval(() => dripped.write('x'), 20)
  await once(dripped, 'error')
  clearInterval(timer)
  const durationMs = performance.now() - startedAt
  assert.ok(durationMs > 250 && durationMs < 3_000, `${durationMs} ms`)
})

test('Closing the server waits only shortly for clients that still send', async (t) => {
  const { app, port } = await startApp(t, { timeouts: { lingerMs: 60_000 } })
  const { text } = await sendBody(port, head('POST /nowhere', declared(1e7)), Buffer.of())
  assert.equal(parse(text)[0]?.status, 404)
  const startedAt = performance.now()
  await app.close()
  assert.ok(performance.now() - startedAt < 3_000)
})

test('A body that is late after its refusal gets no second response', async (t) => {
  const { port } = await startApp(t, { timeouts: { requestMs: 300, checkIntervalMs: 50, lingerMs: 100 } })
  const { text } = await exchange(port, `${head('POST /nowhere', declared(10))}{`)
  assert.deepEqual(
    parse(text).map(({ status }) => status),
    [404],
  )
})

for (const garbage of [
  'GARBAGE\r\n\r\n',
  'GET / HTTP/1.1\r\nbad header\r\n\r\n',
  `x: ${'y'.repeat(30_000)}`,
  '\0\0\0',
])
  for (const path of ['/slow', '/streamed', '/things/1'])
    test(`A response of ${path} is whole though ${JSON.stringify(garbage.slice(0, 9))} follows, which is refused after it`, async (t) => {
      const { port } = await startApp(t)
      const { text } = await exchange(port, `${head(`GET ${path}`)}${head(`GET ${path}`)}${garbage}`)
      const responses = parse(text)
      assert.deepEqual(responses.map(({ status }) => status).slice(0, 2), [200, 200])
      assert.ok(Number(responses[2]?.status) >= 400)
      for (const { body } of responses.slice(0, 2)) assert.equal(JSON.parse(body).done, true)
      assertProblem(responses[2])
      assert.equal(responses.length, 3)
    })

test('A POST that took effect is answered for its effect, though garbage follows', async (t) => {
  const { port, posted } = await startApp(t)
  const { text } = await exchange(port, `${head('POST /things', declared(2))}{}NONSENSE\r\n\r\n`)
  assert.deepEqual(
    parse(text).map(({ status }) => status),
    [201, 400],
  )
  assert.equal(posted(), 1)
})

for (const path of ['/slow', '/later', '/streamed', '/things/1'])
  test(`A client that closes its side after its requests gets the responses of ${path}, and then the connection closes`, async (t) => {
    const { port } = await startApp(t)
    const post = `${head('POST /things', declared(2))}{}`
    for (const requests of [1, 3]) {
      const { text, error } = await exchange(port, `${post}${head(`GET ${path}`).repeat(requests)}`, {
        isEnded: true,
      })
      assert.deepEqual(
        parse(text).map(({ status }) => status),
        [201, ...Array(requests).fill(200)],
      )
      assert.equal(error, undefined)
    }
  })

for (const bytes of [
  'GET /thi',
  'GET /slow HTTP/1.1\r\nhost: x\r\n',
  `${head('POST /things', declared(9))}{`,
  `${head('POST /things', chunked)}1\r\n`,
])
  test(`A client that closes its side within a request gets 400: ${JSON.stringify(bytes.slice(-9))}`, async (t) => {
    const { port, posted } = await startApp(t)
    const { text } = await exchange(port, `${head('GET /slow')}${bytes}`, { isEnded: true })
    assert.deepEqual(
      parse(text).map(({ status }) => status),
      [200, 400],
    )
    assert.equal(posted(), 0)
  })

test('A second request that comes too slowly does not touch the response under way', async (t) => {
  const { port } = await startApp(t, { timeouts: { requestMs: 200, checkIntervalMs: 50 } })
  const { text } = await exchange(port, `${head('GET /later')}GET /thi`)
  const responses = parse(text)
  assert.deepEqual(
    responses.map(({ status }) => status),
    [200, 408],
  )
  assert.equal(JSON.parse(responses[0]?.body ?? '').done, true)
})

test('Data after Connection: close is not read', async (t) => {
  const { port } = await startApp(t)
  for (const second of ['GARBAGE\r\n\r\n', head('GET /things/1')]) {
    const { text, error } = await exchange(port, `${head('GET /slow', 'connection: close\r\n')}${second}`)
    assert.deepEqual(
      parse(text).map(({ status }) => status),
      [200],
    )
    assert.equal(error, undefined)
  }
})

const long = 'x'.repeat(20_000)
for (const [what, bytes, status] of [
  ['Bytes that are no request', 'NONSENSE\r\n\r\n', 400],
  ['A TLS handshake', '\x16\x03\x01\x02\x00\x01', 400],
  ['A line feed alone', 'GET / HTTP/1.1\nhost: x\n\n', 400],
  ['A space before a colon', 'GET / HTTP/1.1\r\nhost : x\r\n\r\n', 400],
  ['A folded field', 'GET / HTTP/1.1\r\nhost: x\r\n y: z\r\n\r\n', 400],
  ['A length and a transfer coding', head('POST /things', `${chunked}content-length: 2\r\n`), 400],
  ['Two lengths', head('POST /things', 'content-length: 2\r\ncontent-length: 3\r\n'), 400],
  ['An unknown method', head('FOO /'), 501],
  ['A method in lower case', head('get /'), 501],
  ['A method that begins like another', head('GETX /things/1'), 501],
  ['A version of the future', 'GET / HTTP/3.0\r\nhost: x\r\n\r\n', 505],
  ['The preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
  ['HTTP/2.0', 'GET /things/1 HTTP/2.0\r\nhost: x\r\n\r\n', 505],
  ['HTTP/0.9', 'GET /things/1\r\n\r\n', 400],
  ['A long URL', head(`GET /${long}`), 414],
  ['A URL that is long, but not too long for the parser', head(`GET /${long.slice(0, 9_000)}`), 414],
  ['A long query', head(`GET /things?x=${long}`), 414],
  ['A long field', head('GET /', `x: ${long}\r\n`), 431],
  ['Many fields', head('GET /', 'x: yyyyyyyyyyy\r\n'.repeat(2_000)), 431],
  ['No Host', 'GET /things/1 HTTP/1.1\r\n\r\n', 400],
  ['Two Host fields', head('GET /things/1', 'host: y\r\n'), 400],
  ['Two equal Host fields', head('GET /things/1', 'Host: x\r\n'), 400],
  ...['a/b', 'a b', 'a@b', 'a:b', 'a:80:80', '[::1', 'a?', 'http://a', 'a%zz', 'a"', 'a,b c'].map(
    (host) => [`Host: ${host}`, `GET /things/1 HTTP/1.1\r\nhost: ${host}\r\n\r\n`, 400] as const,
  ),
  ['An unknown expectation', head('GET /things/1', 'expect: x\r\n'), 417],
  ['An unknown expectation with a body', head('POST /things', `expect: x\r\n${declared(2)}`), 417],
  ['Two expectations', head('POST /things', `expect: 100-continue, x\r\n${declared(2)}`), 417],
  ['A transfer coding', head('POST /things', `${json}transfer-encoding: gzip, chunked\r\n`), 501],
  ['A fragment', head('GET /things/1#x'), 400],
  ['CONNECT', 'CONNECT x:80 HTTP/1.1\r\nhost: x:80\r\n\r\n', 405],
  ...['PROPFIND', 'TRACE', 'QUERY', 'PURGE', 'M-SEARCH', 'OPTIONS', 'PUT', 'LINK'].map(
    (method) => [method, head(`${method} /things/1`), 405] as const,
  ),
  ['QUERY without a route', head('QUERY /nowhere'), 404],
] as const)
  test(`${what} is ${status} in a problem document with its request id`, async (t) => {
    const { port } = await startApp(t)
    const { text, error } = await exchange(port, bytes, { untilResponse: true })
    const [response, ...more] = parse(text.replace('HTTP/1.1 100 Continue\r\n\r\n', ''))
    assert.deepEqual(more, [])
    assert.equal(response?.status, status)
    assertProblem(response)
    assert.ok(response.headers.date)
    assert.equal(error, undefined)
    if (status === 405) assert.equal(typeof response.headers.allow, 'string')
  })

const trailer = (section: string) => `${head('POST /things', chunked)}2\r\n{}\r\n0\r\n${section}\r\n`
for (const [what, bytes, detail] of [
  ['129 header fields', head('GET /', 'a: b\r\n'.repeat(128)), 'header section has more than 128 fields'],
  ['130 header fields', head('GET /', 'a: b\r\n'.repeat(129)), 'header section has more than 128 fields'],
  ['9000 header fields', head('GET /', 'a:\r\n'.repeat(8_999)), 'header section has more than 128 fields'],
  ['a header field of 17 KB', head('GET /', `x: ${long}\r\n`), 'header section has more than 16 KiB'],
  [
    '20 of 1 KB',
    head('GET /', `x: ${'y'.repeat(1_000)}\r\n`.repeat(20)),
    'header section has more than 16 KiB',
  ],
  ['200 trailer fields', trailer('a: b\r\n'.repeat(200)), 'trailer section has more than 128 fields'],
  ['a trailer field of 17 KB', trailer(`x: ${long}\r\n`), 'trailer section has more than 16 KiB'],
] as const)
  test(`The refusal of ${what} names the limit that it passes, also in a second request and in many packets`, async (t) => {
    const { port } = await startApp(t)
    const before = head('GET /things/1')
    for (const sent of [bytes, before + bytes]) {
      const { text } = await exchange(port, sent)
      assert.ok(text.includes(`"detail":"The ${detail}."`), text)
    }
    const socket = connect(port, '127.0.0.1').setNoDelay()
    for (let at = 0; at < bytes.length; at += 4_000) {
      socket.write(bytes.slice(at, at + 4_000))
      await delay(2)
    }
    const { text } = await read(socket)
    const limits = /"detail":"The (?:header|trailer) section has (.*?)\."/.exec(text)?.[1]?.split(', or ')
    assert.ok(limits?.includes(detail.replace(/^.* has /, '')), text)
  })

for (const [line, status] of [
  ['FOO /', 501],
  ['GETX /', 501],
  ['GE /', 501],
  ['M-SEARCHES /', 501],
  ['PROP /', 501],
  ['get /', 501],
] as const)
  test(`An unknown method is ${status} wherever its packets end: ${line}`, async (t) => {
    const { port } = await startApp(t)
    for (let at = 1; at <= line.indexOf(' '); at += 1)
      assert.equal(await statusOfParts(port, [line.slice(0, at), head(line.slice(at))]), status, String(at))
    for (const nonsense of [' / HTTP/1.1\r\n', '\0 / HTTP/1.1\r\n', ': x\r\n'])
      assert.equal(await statusOfParts(port, [nonsense]), 400)
  })

test('An unknown version is 505 wherever its packets end', async (t) => {
  const { port } = await startApp(t)
  for (const line of ['GET / HTTP/3.0', 'GET /things/1 HTTP/2.0'])
    for (let at = line.length - 10; at < line.length; at += 1)
      assert.equal(
        await statusOfParts(port, [line.slice(0, at), `${line.slice(at)}\r\nhost: x\r\n\r\n`]),
        505,
        line.slice(0, at),
      )
})

const waiting = (fields: string) => `expect: 100-continue\r\n${fields}`
for (const [what, bytes, status] of [
  ['is too large', head('POST /things', waiting(declared(2_000_000))), 413],
  [
    'has another type',
    head('POST /things', waiting('content-type: text/plain\r\ncontent-length: 2\r\n')),
    415,
  ],
  ['has a coding', head('POST /things', waiting(`content-encoding: gzip\r\n${declared(2)}`)), 415],
  ['has no route', head('POST /nowhere', waiting(declared(2))), 404],
  ['has no route, in chunks', head('POST /nowhere', waiting(chunked)), 404],
  ['has another method', head('PUT /things/1', waiting(declared(2))), 405],
  ['is for HTML', head('POST /things', waiting(`accept: text/html\r\n${declared(2)}`)), 406],
  ['has another expectation', head('POST /things', `expect: y, 100-continue\r\n${declared(2)}`), 417],
  ['has another expectation after', head('POST /things', `expect: 100-continue, y\r\n${declared(2)}`), 417],
  ['has a bad Host', `POST /things HTTP/1.1\r\nhost: a/b\r\n${waiting(declared(2))}\r\n`, 400],
] as const)
  test(`A body that waits for 100 Continue and ${what} gets ${status} alone, and the connection closes`, async (t) => {
    const { port } = await startApp(t)
    const { text } = await exchange(port, bytes)
    const responses = parse(text)
    assert.deepEqual(
      responses.map((one) => one.status),
      [status],
    )
    assert.equal(responses[0]?.headers.connection, 'close')
  })

test('A body that waits for 100 Continue gets it once, and the connection serves the next request', async (t) => {
  const { port, posted } = await startApp(t)
  for (const [fields, body] of [
    [waiting(declared(2)), '{}'],
    [waiting(chunked), '2\r\n{}\r\n0\r\n\r\n'],
    [`expect: 100-Continue, ,\r\n${waiting(declared(2))}`, '{}'],
  ]) {
    const socket = connect(port, '127.0.0.1')
    socket.write(head('POST /things', fields))
    assert.equal(String((await once(socket, 'data'))[0]), 'HTTP/1.1 100 Continue\r\n\r\n')
    socket.write(`${body}${head('GET /things/1', 'connection: close\r\n')}`)
    const { text } = await read(socket)
    assert.deepEqual(
      parse(text).map(({ status }) => status),
      [201, 200],
    )
  }
  assert.equal(posted(), 3)
})

test('A request without a body that waits for 100 Continue gets its final status alone', async (t) => {
  const { port } = await startApp(t)
  for (const fields of [`${json}content-length: 0\r\n`, json, 'content-length: 0\r\n', ''])
    for (const close of ['connection: close\r\n', ''])
      assert.doesNotMatch(
        (await exchange(port, head('POST /things', `${close}${waiting(fields)}`), { untilResponse: true }))
          .text,
        /HTTP\/1\.1 100/,
      )
})

test('An expectation in HTTP/1.0 is ignored', async (t) => {
  const { port } = await startApp(t)
  for (const expect of ['100-continue', 'y, 100-continue']) {
    const request = `POST /things HTTP/1.0\r\nexpect: ${expect}\r\n${declared(2)}\r\n{}`
    assert.equal(await statusOf(port, request), 201)
  }
})

test('OPTIONS for the server itself is 204 with the methods of its resources', async (t) => {
  const { port } = await startApp(t)
  for (const target of ['*', 'http://x', 'http://x:80']) {
    const { text } = await exchange(port, head(`OPTIONS ${target}`, 'connection: close\r\n'))
    const [response] = parse(text)
    assert.deepEqual(
      [response?.status, response?.headers.allow, response?.body],
      [204, 'GET, HEAD, POST, OPTIONS', ''],
    )
    assert.match(response?.headers['x-request-id'] ?? '', /./)
  }
})

test('A target in the absolute form without a path is that of /', async (t) => {
  const { port } = await startApp(t)
  for (const target of ['http://x', 'https://x:80', 'http://[::1]?a=/b', 'http://x/'])
    assert.equal(await statusOf(port, head(`GET ${target}`, 'accept: application/json\r\n')), 200, target)
})

for (const target of [
  ...['GET *', 'HEAD *', 'POST *', 'TRACE *', 'OPTIONS *?x', 'OPTIONS */', 'GET */things/1', 'GET *things/1'],
  ...['GET http://u@x/things/1', 'GET http://u:p@x/things/1', 'GET http://@x/', 'GET http://u@x'],
  ...['GET http:///things/1', 'GET http://?x', 'GET ftp://x/things/1', 'GET http://x:y/', 'GET http://x y/'],
])
  test(`The target of ${target} is 400`, async (t) => {
    const { port } = await startApp(t)
    const { text } = await exchange(port, head(target))
    assert.equal(text.slice(0, 12), 'HTTP/1.1 400')
  })

test('A Host with a port, an address, or nothing is accepted, and so is its absence in HTTP/1.0', async (t) => {
  const { port } = await startApp(t)
  for (const host of [
    'x',
    'x:80',
    'x:',
    '127.0.0.1:80',
    '[::1]:80',
    '[::1]',
    '',
    'a_b.c-d',
    'a%20b',
    'xn--e1a',
  ])
    assert.equal(await statusOf(port, `GET /things/1 HTTP/1.1\r\nhost: ${host}\r\n\r\n`), 200, host)
  for (const fields of ['', 'expect: x\r\n'])
    assert.equal(await statusOf(port, `GET /things/1 HTTP/1.0\r\n${fields}\r\n`), 200)
  assert.equal(
    await statusOf(port, `${head('POST /things', `expect: 100-continue\r\n${declared(2)}`)}{}`),
    100,
  )
})

test('A target in the absolute form is that of its path', async (t) => {
  const { port } = await startApp(t)
  for (const target of ['http://x/things/1', 'HTTP://y:80/things/1?a=http://z', 'https://x/things/1/'])
    assert.equal(await statusOf(port, head(`GET ${target}`)), 200, target)
})

for (const path of ['/later', '/things/later'])
  test(`A response of ${path} that is sent while the server closes says that it is the last`, async (t) => {
    const { app, port, begun } = await startApp(t)
    const sockets = [head(`GET ${path}`), `${head('POST /things/later', chunked)}2\r\n{}\r\n0\r\n\r\n`].map(
      (bytes) => {
        const socket = connect(port, '127.0.0.1')
        socket.write(bytes)
        return read(socket)
      },
    )
    await until(() => begun() === 2)
    const closing = app.close()
    for (const { text } of await Promise.all(sockets)) {
      const [response, ...more] = parse(text)
      assert.deepEqual([response?.status, response?.headers.connection, more], [200, 'close', []])
    }
    await closing
  })

test('A client that goes away is counted as 499, and is no error in the log', async (t) => {
  const { port, app, begun, logged } = await startApp(t)
  for (const [at, bytes] of [
    `${head('POST /things', declared(10))}{`,
    `${head('POST /things', chunked)}1\r\n{`,
    head('GET /later'),
  ].entries()) {
    const socket = connect(port, '127.0.0.1')
    socket.write(bytes)
    await until(() => begun() > at)
    socket.resetAndDestroy()
  }
  await until(async () => (await statusesOf(app)).filter((status) => status === '499').length > 0)
  await until(() => logged().match(/"status":499/g)?.length === 3)
  assert.doesNotMatch(logged(), /"level":[456]0|"status":500/)
})

test('What is no request is logged and counted as well', async (t) => {
  const { port, app, logged } = await startApp(t)
  const { text } = await exchange(port, 'NONSENSE\r\n\r\n')
  const [response] = parse(text)
  assert.match(logged(), new RegExp(`"requestId":"${response?.headers['x-request-id']}".*"status":400`))
  assert.deepEqual(await statusesOf(app), ['400'])
})

test('What a library refuses keeps its 4xx and its headers, without its text', async (t) => {
  const { app, logged } = await startApp(t)
  for (const status of [400, 402, 403, 405, 412, 416, 418, 423, 426, 429]) {
    const response = await app.inject(`/refused/${status}`)
    assert.equal(response.statusCode, status)
    assert.equal(response.json().status, status)
    assert.equal(response.headers['x-why'], 'because')
    assert.doesNotMatch(response.body, /secret/)
    assert.ok(response.json().title && response.json().detail)
  }
  for (const status of [200, 399, 500, 501, 700, 0])
    assert.equal((await app.inject(`/refused/${status}`)).statusCode, 500)
  assert.equal(logged().match(/"level":"error"/g)?.length, 6)
})

test('A body in a content coding is 415 with the codings that are accepted, and identity is none', async (t) => {
  const { app } = await startApp(t)
  const post = (coding: string, payload = '{}') =>
    app.inject({
      method: 'POST',
      url: '/things',
      payload,
      headers: { 'content-type': 'application/json', 'content-encoding': coding },
    })
  for (const coding of ['gzip', 'GZIP', 'br', 'x-gzip', 'identity, gzip', 'deflate', 'zstd', 'unknown']) {
    const response = await post(coding)
    assert.equal(response.statusCode, 415, coding)
    assert.equal(response.headers['accept-encoding'], 'identity')
  }
  for (const coding of ['identity', 'Identity', '', 'identity, identity', ','])
    assert.equal((await post(coding)).statusCode, 201, coding)
  const get = await app.inject({ url: '/things/1', headers: { 'content-encoding': 'gzip' } })
  assert.equal(get.statusCode, 200)
})

async function startApp(t: TestContext, options: Partial<AppOptions> = {}) {
  let log = ''
  let posts = 0
  const destination = new Writable({
    write(chunk, _encoding, done) {
      log += chunk
      done()
    },
  })
  const logger = createLogger({ service: 'sample', level: 'info', destination })
  const app = await createApp({
    name: 'sample',
    title: 'Sample',
    description: '',
    logger,
    detailAlias: 'error',
    ...options,
  })
  t.after(() => app.close())
  app.post('/things', async (_request, reply) => {
    posts += 1
    return reply.code(201).send({ done: true })
  })
  app.post('/abandoned', {
    onRequest({ raw }, _request, done) {
      raw.once('data', () => {
        raw.pause()
        setTimeout(() => done(new AppError('unprocessable', 'Enough.')), 50)
      })
    },
    handler: async () => {},
  })
  app.get('/things/:id', async () => ({ done: true }))
  app.fastPaths.push({
    route: '/things/:id',
    prefix: '/things/l',
    find: () => new Promise((resolve) => setTimeout(resolve, 500, { etag: '"1"', body: '{"done":true}' })),
  })
  app.post('/things/later', () => new Promise((resolve) => setTimeout(resolve, 500, { done: true })))
  app.get('/slow', () => new Promise((resolve) => setTimeout(resolve, 30, { done: true })))
  app.get('/later', () => new Promise((resolve) => setTimeout(resolve, 500, { done: true })))
  app.get('/streamed', (_request, reply) => {
    reply.hijack().raw.writeHead(200, { 'content-length': 13 }).write('{"done":')
    setTimeout(() => reply.raw.end('true}'), 30)
  })
  app.get<{ Params: { status: string } }>('/refused/:status', async ({ params }) => {
    const statusCode = Number(params.status)
    throw Object.assign(new Error('a secret'), { statusCode, headers: { 'x-why': 'because' } })
  })
  const { port } = new URL(await listen(app, { host: '127.0.0.1', port: 0 }))
  let begun = 0
  app.server.on('request', () => (begun += 1))
  const logged = () => {
    logger.flush()
    return log
  }
  return { app, port: Number(port), posted: () => posts, begun: () => begun, logged }
}

type Parsed = { status: number; headers: Record<string, string>; body: string }

/** The responses in what a connection received, each with a length. */
function parse(text: string): Parsed[] {
  const responses: Parsed[] = []
  for (let rest = text; rest !== ''; ) {
    const end = rest.indexOf('\r\n\r\n')
    const [line = '', ...fields] = rest.slice(0, end).split('\r\n')
    assert.match(line, /^HTTP\/1\.1 \d{3} /)
    const headers = Object.fromEntries(
      fields.map((field) => [
        field.split(':', 1)[0]?.toLowerCase(),
        field.slice(field.indexOf(':') + 1).trim(),
      ]),
    )
    const length = Number(headers['content-length'] ?? 0)
    const body = rest.slice(end + 4, end + 4 + length)
    assert.equal(body.length, length)
    responses.push({ status: Number(line.slice(9, 12)), headers, body })
    rest = rest.slice(end + 4 + length)
  }
  return responses
}

function assertProblem(response: Parsed | undefined): asserts response {
  assert.ok(response)
  assert.equal(response.headers['content-type'], 'application/problem+json; charset=utf-8')
  const problem = JSON.parse(response.body)
  assert.equal(problem.status, response.status)
  assert.match(problem.instance, /^[\w-]+$/)
  assert.equal(problem.instance, response.headers['x-request-id'])
  assert.ok(problem.title && problem.detail)
  assert.equal(problem.error, problem.detail)
}

/** Sends bytes, all that there will be if `isEnded`, and reads until the server closes, or until the first response. */
async function exchange(port: number, bytes: string, { untilResponse = false, isEnded = false } = {}) {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.write(bytes, 'latin1')
  if (isEnded) socket.end()
  return read(socket, untilResponse)
}

/** The status of a request whose bytes come in several packets. */
async function statusOfParts(port: number, parts: readonly string[]): Promise<number> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  const reading = read(socket)
  for (const part of parts) {
    if (socket.writable) socket.write(part, 'latin1')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return Number((await reading).text.slice(9, 12))
}

async function statusOf(port: number, bytes: string): Promise<number | undefined> {
  const { text } = await exchange(port, bytes, { untilResponse: true })
  return Number(text.slice(9, 12))
}

async function read(socket: Socket, untilResponse = false): Promise<{ text: string; error?: unknown }> {
  let text = ''
  try {
    for await (const chunk of socket) {
      text += chunk
      if (untilResponse && text.replace('HTTP/1.1 100 Continue\r\n\r\n', '').includes('\r\n\r\n')) break
    }
    return { text }
  } catch (error) {
    return { text, error }
  } finally {
    socket.destroy()
  }
}

/** Sends a body to its end before it reads the response, as many clients do, if the server lets it. */
async function sendBody(port: number, start: string, body: Buffer) {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.pause()
  let error: unknown
  socket.on('error', (one) => {
    error = one
  })
  socket.write(start)
  const sent = await new Promise<boolean>((resolve) => {
    socket.write(body, (fault) => resolve(fault == null))
    socket.once('close', () => resolve(false))
  })
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  await new Promise<void>((resolve) => {
    socket.once('end', resolve)
    socket.once('close', resolve)
    socket.resume()
  })
  if (body.length > 0) socket.destroy()
  return { text, error, sent }
}

async function statusesOf(app: Awaited<ReturnType<typeof createApp>>): Promise<string[]> {
  const { body } = await app.inject('/metrics')
  return [...body.matchAll(/request_duration_seconds_count\{[^}]*http_response_status_code="(\d+)"/g)].map(
    ([, status]) => status ?? '',
  )
}
