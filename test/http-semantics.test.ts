import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { after, test } from 'node:test'
import type { Operation } from './operations.ts'
import { openTargets } from './targets.ts'
import type { Target } from './targets.ts'

/** HTTP as RFC 9110 and 9112 say, for every operation of every service, sent to it and through the gateway. */

type Sent = {
  method?: string
  target?: string
  /** Header fields instead of Host, one to a line. */
  fields?: string
  host?: string
  body?: string
  /** What follows on the connection. */
  after?: string
  /** Whether the client closes its side of the connection after the request. */
  isEnded?: boolean
}
type Received = { status: number; headers: Record<string, string>; body: string; rest: string }

type Case = {
  title: string
  /** Operations for which the case has no meaning are left out by a rule, never one by one. */
  appliesTo?: (operation: Operation) => boolean
  /** Whether its requests change nothing, so that it shares the services with others of this kind. */
  isHarmless?: boolean
  check: (target: Target, send: (sent: Sent) => Promise<Received>) => Promise<void>
}

const takesBody = ({ mediaTypes }: Operation) => mediaTypes.length > 0
const isRead = ({ method }: Operation) => method === 'GET'
/** Tools of operators may add parameters. */
const isForOperators = ({ path }: Operation) => /^\/($|metrics$|health)/.test(path)
/** Representations that change by themselves. */
const isVarying = ({ path }: Operation) => ['/metrics', '/health'].includes(path)
/** What leads people to the page of the documentation, the text for Prometheus, and streams of events are not only JSON. */
const isJson = ({ path, description }: Operation) =>
  !['/', '/metrics'].includes(path) && !description.includes('text/event-stream')
const takesKey = ({ parameters }: Operation) => parameters.some(({ name }) => name === 'Idempotency-Key')

const refusals: [title: string, sent: (target: Target) => Sent, status: number][] = [
  ['no Host', () => ({ host: '' }), 400],
  ['two Host fields', () => ({ host: 'host: a\r\nhost: a\r\n' }), 400],
  ['a malformed Host', () => ({ host: 'host: a/b\r\n' }), 400],
  ['an unknown expectation', () => ({ fields: 'expect: x\r\n' }), 417],
  ['a long URL', ({ target }) => ({ target: `${target}?x=${'y'.repeat(9_000)}` }), 414],
  [
    'a URL that is too long for the parser',
    ({ target }) => ({ target: `${target}?x=${'y'.repeat(20_000)}` }),
    414,
  ],
  ...['If-Match', 'Idempotency-Key', 'Content-Type', 'Content-Encoding', 'Accept'].map(
    (name): (typeof refusals)[number] => [
      `a Connection field that names ${name}`,
      () => ({ fields: `connection: close, ${name}\r\n` }),
      400,
    ],
  ),
  ['a fragment', ({ target }) => ({ target: `${target}#x` }), 400],
  ['the target *', () => ({ target: '*' }), 400],
  ['the target * before a path', ({ target }) => ({ target: `*${target}` }), 400],
  ['a user in the target', ({ target }) => ({ target: `http://u:p@a${target}` }), 400],
  ['a target of another scheme', ({ target }) => ({ target: `ftp://a${target}` }), 400],
  ['an unknown expectation besides a known one', () => ({ fields: 'expect: x, 100-continue\r\n' }), 417],
  ['a method that does not exist', () => ({ method: 'FOO' }), 501],
  ['a transfer coding', () => ({ fields: 'transfer-encoding: gzip, chunked\r\n', after: '0\r\n\r\n' }), 501],
  ['a header line that is none', () => ({ fields: 'a b: c\r\n' }), 400],
  ['more header fields than clients send', () => ({ fields: 'a: b\r\n'.repeat(129) }), 431],
  ['more header fields than the server reads', () => ({ fields: 'a: b\r\n'.repeat(2_100) }), 431],
]

const cases: Case[] = [
  ...refusals.map(
    ([title, sent, status]): Case => ({
      title: `${title} is ${status}`,
      isHarmless: true,
      async check(target, send) {
        assertProblem(await send(sent(target)), status)
      },
    }),
  ),
  ...['QUERY', 'PROPFIND'].map(
    (method): Case => ({
      title: `${method} is 405 with the methods that are allowed`,
      isHarmless: true,
      async check({ method: allowed }, send) {
        const received = await send({ method })
        assertProblem(received, 405)
        assert.ok(received.headers.allow?.split(', ').includes(allowed))
      },
    }),
  ),
  {
    title: 'OPTIONS * is 204 with the methods of the server',
    isHarmless: true,
    async check({ method }, send) {
      const received = await send({ method: 'OPTIONS', target: '*' })
      assert.equal(received.status, 204)
      assert.ok(received.headers.allow?.split(', ').includes(method))
    },
  },
  {
    title: 'a declared body that is too large is 413 without 100 Continue, and a body that is not gets it',
    appliesTo: takesBody,
    async check({ method, body }, send) {
      const fields = 'expect: 100-continue\r\n'
      const large = `${fields}content-type: application/json\r\ncontent-length: 3000000\r\n`
      assertProblem(await send({ method, fields: large, after: ' ' }), 413)
      assert.equal((await send({ ...sentBody(method, body), fields })).status, 100)
    },
  },
  {
    title: 'a body that waits for 100 Continue and is refused by its fields gets the refusal alone',
    appliesTo: takesBody,
    async check({ method }, send) {
      const fields = 'expect: 100-continue\r\ncontent-length: 2\r\n'
      assertProblem(await send({ method, fields: `${fields}content-type: image/png\r\n` }), 415)
      const json = `${fields}content-type: application/json\r\n`
      assertProblem(await send({ method, fields: `${json}content-encoding: gzip\r\n` }), 415)
      assertProblem(await send({ method, fields: `${json}accept: image/png\r\n` }), 406)
    },
  },
  {
    title: 'Accept with parameters admits JSON, and with a weight of 0 excludes it',
    appliesTo: isJson,
    async check({ method, body }, send) {
      const exact = { ...sentBody(method, body), fields: 'accept: application/json; charset=utf-8\r\n' }
      assert.match((await send(exact)).headers['content-type'] ?? 'application/json', /^application\/json/)
      for (const accept of ['application/json;q=0, */*', 'application/problem+json', 'text/html'])
        assertProblem(await send({ fields: `accept: ${accept}\r\n` }), 406)
    },
  },
  {
    title: 'a GET under conditions is 412 or 304, if it is 200 without them',
    isHarmless: true,
    appliesTo: isRead,
    async check(_target, send) {
      const plain = await send({})
      const isThere = plain.status === 200
      const unmatched = await send({ fields: 'if-match: "none,such", \r\n' })
      assert.equal(unmatched.status, isThere ? 412 : plain.status)
      const matched = await send({ fields: 'if-none-match: *\r\n' })
      assert.equal(matched.status, isThere ? 304 : plain.status)
      if (isThere) assert.equal(matched.body, '')
      if (plain.headers.etag === undefined) return
      assert.equal((await send({ fields: `if-none-match: "a,b",,${plain.headers.etag}\r\n` })).status, 304)
    },
  },
  {
    title: 'a change under a condition that is not satisfied is not made',
    appliesTo: (operation) => !isRead(operation),
    async check({ method, body }, send) {
      const { status } = await send({ ...sentBody(method, body), fields: 'if-match: "none,such"\r\n' })
      assert.ok(status >= 400 && status < 500, String(status))
    },
  },
  {
    title: 'a condition does not change the 404 of what is missing, nor of what would be in it',
    appliesTo: ({ path }) => path.includes('{'),
    async check({ method, body, target }, send) {
      const missing = { ...sentBody(method, body), target: target.replace(/\/1(?=\/|$)/, '/999999') }
      if ((await send(missing)).status !== 404) return
      for (const condition of ['if-match: *', 'if-match: "1"', 'if-none-match: *', 'if-none-match: "1"'])
        assertProblem(await send({ ...missing, fields: `${condition}\r\n` }), 404)
    },
  },
  {
    title:
      'of what can be made under its path, If-None-Match: * makes the first one only, and If-Match: * none',
    appliesTo: ({ path, method }) => path === '/guid/{guid}' && method === 'POST',
    async check({ method, body, target }, send) {
      for (const [prefer, made] of [
        ['x', 201],
        ['respond-async', 202],
      ] as const) {
        const randomPath = () => `${target.slice(0, -32)}${randomUUID().replaceAll('-', '').toUpperCase()}`
        const free = randomPath()
        const under = async (condition: string, path = free) => {
          const fields = `${condition}\r\nprefer: ${prefer}\r\n`
          return (await send({ ...sentBody(method, body), target: path, fields })).status
        }
        assert.equal(await under('if-match: *'), 412)
        assert.equal(await under('if-match: "1"'), 412)
        assert.equal(await under('if-none-match: "1"', randomPath()), made)
        assert.equal(await under('if-none-match: *'), made)
        if (made === 201) assert.equal(await under('if-none-match: *'), 412)
      }
    },
  },
  {
    title: 'a parameter of the query that is not percent-encoded UTF-8 is refused by its name',
    async check({ service, target }, send) {
      for (const [query, name] of [
        ['limit=%zz', 'limit'],
        ['a=1&cursor=%', 'cursor'],
        ['x=%f', 'x'],
        ['y=%ff', 'y'],
        ['z=%C3', 'z'],
        ['%zz=1', '%zz'],
        ['user=%ED%A0%80&b=2', 'user'],
      ]) {
        const received = await send({ target: `${target}?${query}` })
        assertProblem(received, service === 'certificates' ? 422 : 400)
        assert.deepEqual(Object.keys(JSON.parse(received.body).errors), [name])
      }
    },
  },
  {
    title: 'a parameter of the query that is not known is refused by its name',
    appliesTo: (operation) => !isForOperators(operation),
    async check({ service, target, method, body }, send) {
      for (const [query, name] of [
        ['unknown=1', 'unknown'],
        ['=1', ''],
      ] as const) {
        const received = await send({ ...sentBody(method, body), target: `${target}?${query}` })
        // Where there is nothing, not even the parameters are looked at.
        if (received.status === 404) return
        assertProblem(received, service === 'certificates' ? 422 : 400)
        assert.deepEqual(Object.keys(JSON.parse(received.body).errors), [name])
        assert.match(
          JSON.parse(received.body).detail,
          /^(?:unknown|A parameter with an empty name) is not a parameter of this request\.$/,
        )
      }
    },
  },
  {
    title: 'an empty segment instead of an id is 404',
    isHarmless: true,
    appliesTo: ({ url }) => url.length > 1,
    async check({ target }, send) {
      assertProblem(await send({ target: `${target}//` }), 404)
    },
  },
  {
    title: 'JSON in a charset other than UTF-8 is 415, and UTF-8 may be named',
    appliesTo: takesBody,
    async check({ method, body }, send) {
      const text = JSON.stringify(body)
      const under = (type: string) =>
        send({
          method,
          fields: `content-type: ${type}\r\ncontent-length: ${text.length}\r\nconnection: close\r\n`,
          after: text,
        })
      for (const charset of ['iso-8859-1', '"UTF-16"', 'utf-8; charset=latin1', ''])
        assertProblem(await under(`application/json; charset=${charset}`), 415)
      for (const charset of ['utf-8', '"UTF-8"', 'Utf8'])
        assert.notEqual((await under(`application/json; charset=${charset}`)).status, 415)
    },
  },
  {
    title: 'a body of DELETE has no meaning',
    appliesTo: ({ method }) => method === 'DELETE',
    async check({ method, target }, send) {
      const missing = { method, target: target.replace(/1$/, '999999') }
      const { status } = await send(missing)
      for (const [type, text] of [
        ['application/json', '{'],
        ['text/plain', 'x'],
        ['nonsense', 'x'],
        ['application/json; charset=latin1', '{}'],
      ] as const) {
        const fields = `content-type: ${type}\r\ncontent-encoding: gzip\r\ncontent-length: ${text.length}\r\nconnection: close\r\n`
        assert.equal((await send({ ...missing, fields, after: text })).status, status, type)
      }
    },
  },
  {
    title: 'Content-Range is refused with PUT, which would change a part only',
    isHarmless: true,
    appliesTo: ({ method }) => method === 'PUT',
    async check({ method, body }, send) {
      const received = await send({ ...sentBody(method, body), fields: 'content-range: bytes 0-1/9\r\n' })
      assertProblem(received, 400)
      assert.ok(JSON.parse(received.body).errors['Content-Range'])
    },
  },
  {
    title: 'two Idempotency-Key fields are refused',
    isHarmless: true,
    appliesTo: takesKey,
    async check({ method, body }, send) {
      const fields = 'idempotency-key: a\r\nIdempotency-Key: b\r\n'
      const received = await send({ ...sentBody(method, body), fields })
      assertProblem(received, 400)
      assert.match(received.body, /Idempotency-Key must be given once/)
    },
  },
  {
    title: 'HEAD has the status and the length of GET, or no length, and no body',
    isHarmless: true,
    appliesTo: (operation) => isRead(operation) && !isVarying(operation),
    async check(_target, send) {
      const [got, head] = [await send({}), await send({ method: 'HEAD' })]
      assert.deepEqual([head.status, head.body], [got.status, ''])
      assert.equal(
        head.headers['content-length'] ?? got.headers['content-length'],
        got.headers['content-length'],
      )
      const unchanged = await send({ method: 'HEAD', fields: 'if-none-match: *\r\n' })
      if (unchanged.status === 304) assert.notEqual(unchanged.headers['content-length'], '0')
    },
  },
  {
    title: 'a body in a content coding is 415 with what is accepted',
    isHarmless: true,
    appliesTo: takesBody,
    async check({ method, body }, send) {
      const received = await send({ ...sentBody(method, body), fields: 'content-encoding: gzip\r\n' })
      assertProblem(received, 415)
      assert.equal(received.headers['accept-encoding'], 'identity')
    },
  },
  {
    title: 'a body that is much too large can be sent to its end, and its refusal is read',
    appliesTo: takesBody,
    async check({ method }, send) {
      const received = await send({ method, body: 'x'.repeat(3_000_000) })
      assertProblem(received, 413)
      assert.equal(received.headers.connection, 'close')
    },
  },
  {
    title: 'the response is that of any client, though this one closes its side after the request',
    async check({ method, body }, send) {
      const { status } = await send({ ...sentBody(method, body), isEnded: true })
      const conflicts = method === 'POST' ? [status, 409] : [status, 404]
      assert.ok(status >= 200 && status < 500, String(status))
      assert.ok(conflicts.includes((await send(sentBody(method, body))).status))
    },
  },
  {
    title: 'a response is whole though garbage follows its request, which is refused after it',
    async check({ method, body }, send) {
      const received = await send({ ...sentBody(method, body), after: 'GARBAGE\r\n\r\n' })
      assert.ok(received.status >= 200 && received.status < 500)
      assert.equal(Buffer.byteLength(received.body), Number(received.headers['content-length'] ?? 0))
      assert.match(received.rest, /^HTTP\/1\.1 400 .*\}$/s)
    },
  },
  {
    title: 'an Idempotency-Key is for the resource, however its path is written',
    appliesTo: takesKey,
    async check({ method, body, target, title }, send) {
      const fields = `idempotency-key: ${title.replace(/\W/g, '-')}-${Math.random()}\r\n`
      const first = await send({ ...sentBody(method, body), fields })
      const again = await send({ ...sentBody(method, body), fields, target: `${target}/` })
      assert.equal(again.status, first.status)
      assert.equal(again.body.replace(/"instance":"[^"]*"/, ''), first.body.replace(/"instance":"[^"]*"/, ''))
      if (first.status < 300) assert.equal(again.headers['idempotency-replayed'], 'true')
    },
  },
  {
    title: 'a preference within a quoted string is none',
    appliesTo: takesKey,
    async check({ method, body }, send) {
      const received = await send({ ...sentBody(method, body), fields: 'prefer: x="respond-async, y"\r\n' })
      assert.notEqual(received.status, 202)
    },
  },
]

const shared = openTargets({ after })

for (const { title, appliesTo = () => true, isHarmless = false, check } of cases)
  test(`Of every operation, ${title}`, async (t) => {
    const targets = (await (isHarmless ? shared : openTargets(t))).filter(appliesTo)
    assert.ok(targets.length > 1)
    for (const target of targets)
      await check(target, (sent) => exchange(target, sent)).catch((error: unknown) => {
        throw new Error(`${target.title}: ${target.method} ${target.target} on port ${target.port}`, {
          cause: error,
        })
      })
  })

function sentBody(method: string, body: object): Sent {
  return method === 'GET' || method === 'DELETE' ? { method } : { method, body: JSON.stringify(body) }
}

/** Sends a request to its end on a connection of its own, and reads the response and what follows it. */
async function exchange(operation: Target, sent: Sent): Promise<Received> {
  const { method = operation.method, target = operation.target, fields = '', body, after = '' } = sent
  const framing =
    body === undefined ? '' : `content-type: application/json\r\ncontent-length: ${body.length}\r\n`
  const closing = after === '' ? 'connection: close\r\n' : ''
  const socket = connect({ port: operation.port, host: '127.0.0.1', allowHalfOpen: true })
  const head = `${method} ${target} HTTP/1.1\r\n${sent.host ?? 'host: a\r\n'}${fields}${framing}${closing}\r\n`
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.write(`${head}${body ?? ''}${after}`, 'latin1', () => resolve())
    if (sent.isEnded) socket.end()
  })
  let text = ''
  for await (const chunk of socket) text += chunk
  socket.destroy()
  const [, status, lines, rest = ''] = /^HTTP\/1\.1 (\d{3}) [^\r]*\r\n(.*?)\r\n\r\n(.*)$/s.exec(text) ?? []
  const headers = Object.fromEntries(
    (lines ?? '')
      .split('\r\n')
      .map((line) => [line.split(':', 1)[0]?.toLowerCase() ?? '', line.replace(/^[^:]*: */, '')]),
  )
  const length = method === 'HEAD' || status === '304' ? 0 : bodyLength(headers, rest)
  const bytes = Buffer.from(rest)
  return {
    status: Number(status),
    headers,
    body: String(bytes.subarray(0, length)),
    rest: String(bytes.subarray(length)),
  }
}

function bodyLength(headers: Record<string, string>, rest: string): number {
  return Number(headers['content-length'] ?? (headers['transfer-encoding'] ? Buffer.byteLength(rest) : 0))
}

function assertProblem({ status, headers, body }: Received, expected: number): void {
  assert.equal(status, expected, body)
  const problem = JSON.parse(body)
  assert.equal(problem.status, expected)
  assert.ok(problem.title && problem.detail)
  assert.match(problem.instance, /./)
  assert.equal(problem.instance, headers['x-request-id'])
}
