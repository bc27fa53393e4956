import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { systemClock } from '@quintet/chassis/clock'
import { unrestricted } from '@quintet/chassis/guard'
import { createApiKey } from '@quintet/chassis/guard/api-key-file'
import { until } from '@quintet/chassis/testing'
import { listenOn, sendBehind } from '@quintet/chassis/testing/sockets'
import { createEventResponses } from '../src/event-responses.ts'
import type { EventPage } from '../src/events.ts'
import { createWorld, startSeconds } from './world.ts'

const canonical = '5E95AAD3B0D94B0F8C3D8A8F7E1C2B3A'
const expire = startSeconds + 600

/** A guid service that listens, whose stream has so many events: GUIDs registered for users u1, u2 and so on. */
async function withEvents(t: TestContext, count: number, settings: Record<string, string> = {}) {
  const world = await createWorld(t, settings)
  const url = await world.app.listen({ host: '127.0.0.1', port: 0 })
  let registered = 0
  const register = async (more: number) => {
    for (let i = 0; i < more; i += 1) await world.post('/guid', { user: `u${++registered}`, expire })
    await until(async () => (await world.get('/guid-events?limit=1000')).json().length === registered)
  }
  await register(count)
  return { ...world, url, register, stream: (headers = {}) => openStream(t, `${url}/guid-events`, headers) }
}

/** A response of server-sent events, read as it comes. */
async function openStream(t: TestContext, url: string, headers: Record<string, string>) {
  const ending = new AbortController()
  t.after(() => ending.abort())
  const response = await fetch(url, {
    headers: { accept: 'text/event-stream', ...headers },
    signal: ending.signal,
  })
  let text = ''
  let isEnded = false
  const reading = (async () => {
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true })
    isEnded = true
  })().catch(() => {})
  return {
    response,
    abort: () => ending.abort(),
    reading,
    text: () => text,
    isEnded: () => isEnded,
    users: () =>
      Array.from(text.matchAll(/^data: (.*)$/gm), ([, data = '']) => String(JSON.parse(data).user)),
    ids: () => Array.from(text.matchAll(/^id: (\d+)$/gm), ([, id]) => Number(id)),
  }
}

test('GET /guid-events is every change in its order, in the notation of the other responses', async (t) => {
  const { get, post, patch, delete: remove } = await createWorld(t)
  await post(`/guid/${canonical}`, { user: 'ada', expire })
  await patch(`/guid/${canonical}`, { user: 'eve' })
  await remove(`/guid/${canonical}`)
  await until(async () => (await get('/guid-events')).json().length === 3)
  const answer = await get('/guid-events')
  assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8')
  assert.equal(answer.headers.link, undefined)
  const events = answer.json()
  assert.deepEqual(
    events.map((event: Record<string, unknown>) => [event.type, event.guid, event.user, event.expire]),
    [
      ['guid.created', canonical, 'ada', String(expire)],
      ['guid.updated', canonical, 'eve', String(expire)],
      ['guid.deleted', canonical, 'eve', String(expire)],
    ],
  )
  assert.deepEqual(
    events.map(({ position }: { position: number }) => position),
    [1, 2, 3],
  )
  assert.equal(new Set(events.map(({ id }: { id: string }) => id)).size, 3)
  assert.match(events[0].published_at, /^2030-01-01T00:00:00/)
  assert.equal(typeof events[0].version, 'number')
})

test('Pages of events follow one another by their Link, until there is nothing more', async (t) => {
  const { get } = await withEvents(t, 7)
  const seen: string[] = []
  for (let url: string | undefined = '/guid-events?limit=3'; url !== undefined; ) {
    const answer = await get(url)
    seen.push(...answer.json().map(({ user }: { user: string }) => user))
    url = /^<(\/guid-events\?limit=3&after=\d+)>; rel="next"$/.exec(String(answer.headers.link))?.[1]
  }
  assert.deepEqual(seen, ['u1', 'u2', 'u3', 'u4', 'u5', 'u6', 'u7'])
  assert.deepEqual((await get('/guid-events?after=7')).json(), [])
})

for (const query of [
  'after=-1',
  'after=1.5',
  'after=x',
  'after=',
  'after=9007199254740992',
  'limit=0',
  'limit=1001',
  'cursor=x',
])
  test(`GET /guid-events?${query} is 400 with the name of what is wrong`, async (t) => {
    const { get } = await createWorld(t)
    const answer = await get(`/guid-events?${query}`)
    assert.equal(answer.statusCode, 400)
    assert.deepEqual(Object.keys(answer.json().errors), [query.split('=')[0]])
  })

test('GET /guid-events with Accept: text/event-stream sends what is kept, and then each change as it happens', async (t) => {
  const { stream, register } = await withEvents(t, 250)
  const { response, users, ids } = await stream()
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8')
  assert.equal(response.headers.get('cache-control'), 'no-store')
  await until(() => users().length === 250)
  await register(2)
  await until(() => users().length === 252)
  assert.deepEqual(users().slice(-2), ['u251', 'u252'])
  assert.deepEqual(
    ids(),
    Array.from({ length: 252 }, (_, i) => i + 1),
  )
})

test('A stream continues after Last-Event-ID, or else after the position in the query', async (t) => {
  const { stream, url } = await withEvents(t, 5)
  const continued = await stream({ 'last-event-id': '3' })
  await until(() => continued.users().length === 2)
  const queried = await openStream(t, `${url}/guid-events?after=4`, {})
  await until(() => queried.users().length === 1)
  const both = await openStream(t, `${url}/guid-events?after=1`, { 'last-event-id': '4' })
  await until(() => both.users().length === 1)
  assert.deepEqual([continued.users(), queried.users(), both.users()], [['u4', 'u5'], ['u5'], ['u5']])
})

test('A page ignores Last-Event-ID, so that its links lead through all pages', async (t) => {
  const { get } = await withEvents(t, 5)
  for (const id of ['4', '1']) {
    const positions: number[] = []
    for (let path = '/guid-events?after=1&limit=2'; path !== ''; ) {
      const { headers, json } = await get(path, { accept: 'application/json', 'last-event-id': id })
      positions.push(...json().map((event: { position: number }) => event.position))
      path = /<([^>]+)>/.exec(String(headers.link ?? ''))?.[1] ?? ''
    }
    assert.deepEqual(positions, [2, 3, 4, 5], id)
  }
})

for (const id of ['x', '-1', '1.5', '9'.repeat(16), '9'.repeat(400), '1, 2'])
  test(`A Last-Event-ID of ${id.slice(0, 20)} is 400`, async (t) => {
    const { get } = await createWorld(t)
    for (const accept of ['text/event-stream', 'application/json']) {
      const answer = await get('/guid-events', { accept, 'last-event-id': id })
      assert.equal(answer.statusCode, 400)
      assert.deepEqual(Object.keys(answer.json().errors), ['Last-Event-ID'])
    }
  })

test('A position behind the last event is 400 with that of the last one, for pages and streams, GET and HEAD', async (t) => {
  const { app, get } = await withEvents(t, 3)
  const stream = { accept: 'text/event-stream' }
  for (const [field, path, headers] of [
    ['after', '?after=4', {}],
    ['after', '?after=9007199254740991', {}],
    ['after', '?after=4', stream],
    ['Last-Event-ID', '', { ...stream, 'last-event-id': '4' }],
    ['Last-Event-ID', '?after=1', { ...stream, 'last-event-id': '400' }],
    ['after', '?after=4', { 'last-event-id': '1' }],
  ] as const) {
    const answer = await get(`/guid-events${path}`, { ...headers })
    assert.equal(answer.statusCode, 400, path)
    assert.deepEqual(Object.keys(answer.json().errors), [field])
    assert.match(answer.json().errors[field], / must be at most 3, the position of the newest event/)
    const head = await app.inject({ method: 'HEAD', url: `/guid-events${path}`, headers: { ...headers } })
    assert.equal(head.statusCode, 400, path)
  }
  assert.equal((await get('/guid-events?after=3')).statusCode, 200)
})

test('JSON is preferred where a client takes both, and a type that is neither is 406', async (t) => {
  const { get } = await withEvents(t, 1)
  for (const accept of [
    '*/*',
    'application/json',
    'application/json, text/event-stream',
    'text/event-stream;q=0.5, */*',
  ])
    assert.equal((await get('/guid-events', { accept })).json().length, 1, accept)
  assert.equal((await get('/guid-events', { accept: 'text/html' })).statusCode, 406)
  assert.equal((await get('/guids', { accept: 'text/event-stream' })).statusCode, 406)
})

test('A stream has the id of its request, is 412 or 304 under conditions as a page is, and takes no limit', async (t) => {
  const { url } = await withEvents(t, 1)
  const head = async (query: string, headers: Record<string, string>) => {
    const ending = new AbortController()
    const response = await fetch(`${url}/guid-events${query}`, {
      headers: { accept: 'text/event-stream', ...headers },
      signal: ending.signal,
    })
    ending.abort()
    return response
  }
  for (const method of ['GET', 'HEAD']) {
    const headers = { accept: 'text/event-stream', 'x-request-id': 'mine' }
    const ending = new AbortController()
    const response = await fetch(`${url}/guid-events`, { method, headers, signal: ending.signal })
    assert.equal(response.headers.get('x-request-id'), 'mine')
    ending.abort()
  }
  for (const [headers, status] of [
    [{ 'if-match': '"1"' }, 412],
    [{ 'if-match': '*' }, 200],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-none-match': '"1"' }, 200],
  ] as const)
    assert.equal((await head('', headers)).status, status)
  const limited = await fetch(`${url}/guid-events?limit=5`, { headers: { accept: 'text/event-stream' } })
  assert.deepEqual([limited.status, Object.keys(Object(await limited.json()).errors)], [400, ['limit']])
})

test('A client that closes its side of the connection gets the events that there are, and holds no stream', async (t) => {
  const { url } = await withEvents(t, 3)
  for (let count = 0; count < 20; count += 1) {
    const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', allowHalfOpen: true })
    socket.end('GET /guid-events HTTP/1.1\r\nhost: a\r\naccept: text/event-stream\r\n\r\n')
    const text = String(Buffer.concat(await socket.toArray()))
    assert.match(text, /^HTTP\/1\.1 200 .*data: .*"u1".*data: .*"u3"/s)
  }
})

for (const when of ['at once', 'later'] as const)
  test(`A request that is sent behind a stream ${when} closes the connection, and the stream is over`, async (t) => {
    const { url } = await withEvents(t, 1)
    for (let count = 0; count < 20; count += 1) {
      const behind = 'GET /guid HTTP/1.1\r\nhost: a\r\n\r\n'
      const events = 'GET /guid-events HTTP/1.1\r\nhost: a\r\naccept: text/event-stream\r\n\r\n'
      const text = await sendBehind(Number(new URL(url).port), events, behind, when)
      // The first may not have begun when the second closes the connection.
      assert.match(text, /^(?!.*HTTP.*HTTP)(HTTP\/1\.1 200 |$)/s)
    }
  })

test('HEAD with Accept: text/event-stream ends at once', async (t) => {
  const { url } = await withEvents(t, 1)
  const response = await fetch(`${url}/guid-events`, {
    method: 'HEAD',
    headers: { accept: 'text/event-stream' },
  })
  assert.deepEqual(
    [response.status, response.headers.get('content-type')],
    [200, 'text/event-stream; charset=utf-8'],
  )
})

for (const [what, events] of [
  ['without events', () => []],
  ['with events of others alone', (after: number) => [{ ...eventAt(after + 1), owner: 'another' }]],
] as const)
  test(`A stream ${what} has a heartbeat, each time the interval is over`, async (t) => {
    const readAfter = async (after: number) => ({ events: events(after), last: undefined })
    const heartbeatMs = 600
    const responses = createEventResponses(readAfter, { clock: systemClock, heartbeatMs })
    const access = { ...unrestricted, readsAll: false }
    const server = createServer((_, raw) => void responses.send({ raw, hijack() {} }, 0, 'client', access))
    const startedAt = performance.now()
    const { body } = await fetch(`http://127.0.0.1:${await listenOn(t, server)}`)
    let text = ''
    for await (const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk
      if (text.split(': heartbeat\n\n').length > 2) break
    }
    assert.ok(performance.now() - startedAt >= 2 * heartbeatMs)
    assert.equal(text, ': the changes of GUIDs\n\n: heartbeat\n\n: heartbeat\n\n')
  })

test('Closing the service ends its streams, whole', async (t) => {
  const { app, stream } = await withEvents(t, 3)
  const streams = await Promise.all(Array.from({ length: 5 }, () => stream()))
  await until(() => streams.every(({ users }) => users().length === 3))
  await app.close()
  for (const { reading, isEnded, text } of streams) {
    await reading
    assert.ok(isEnded())
    assert.ok(text().endsWith('\n\n'))
  }
})

test('A stream ends when its API key expires, and after five minutes; a client that comes back is authenticated anew and continues', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-events-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const API_KEYS_FILE = join(folder, 'keys.jsonl')
  const scopes = ['guid:read', 'all:read']
  const expiring = createApiKey({ id: 'expiring', scopes, expires: '2030-01-01T00:01Z' })
  const lasting = createApiKey({ id: 'lasting', scopes })
  const writeKeys = (...keys: (typeof lasting)[]) =>
    writeFileSync(API_KEYS_FILE, keys.map(({ entry }) => JSON.stringify(entry)).join('\n'))
  writeKeys(expiring, lasting)
  const { stream, clock, register } = await withEvents(t, 2, { AUTH: 'optional', API_KEYS_FILE })
  const ofExpiring = await stream({ 'x-api-key': expiring.key })
  const ofLasting = await stream({ 'x-api-key': lasting.key })
  const ofNobody = await stream()
  const all = [ofExpiring, ofLasting, ofNobody]
  await until(() => all.every(({ users }) => users().length === 2))

  clock.advance(60_000)
  await ofExpiring.reading
  assert.ok(ofExpiring.isEnded() && ofExpiring.text().endsWith('\n\n'))
  assert.equal((await stream({ 'x-api-key': expiring.key })).response.status, 401)
  await register(1)
  await until(() => ofLasting.users().length === 3 && ofNobody.users().length === 3)

  clock.advance(240_000)
  await ofLasting.reading
  assert.ok(ofLasting.isEnded() && ofLasting.text().endsWith('\n\n'))
  await register(1)
  const again = { 'x-api-key': lasting.key, 'last-event-id': String(ofLasting.ids().at(-1)) }
  const continued = await stream(again)
  await until(() => continued.users().length === 1 && ofNobody.users().length === 4)
  assert.deepEqual(continued.users(), ['u4'])

  writeKeys(expiring)
  clock.advance(300_000)
  await continued.reading
  assert.equal((await stream(again)).response.status, 401)
  assert.ok(!ofNobody.isEnded())
})

const clientAt = (address: string) => ({ 'x-forwarded-for': address })

test('A client may have sixteen streams open and gets 429 for more, while others get theirs', async (t) => {
  const { stream } = await withEvents(t, 1)
  const streams = await Promise.all(Array.from({ length: 16 }, (_, i) => stream(clientAt(`2001:db8::${i}`))))
  assert.ok(streams.every(({ response }) => response.status === 200))
  const { response } = await stream(clientAt('2001:db8::ffff:1'))
  assert.deepEqual(
    [response.status, response.headers.get('retry-after'), response.headers.get('content-type')],
    [429, '5', 'application/problem+json; charset=utf-8'],
  )
  for (const other of ['2001:db8:0:1::1', '192.0.2.1'])
    assert.equal((await stream(clientAt(other))).response.status, 200, other)
  streams[0]?.abort()
  await until(async () => (await stream(clientAt('2001:db8::1'))).response.status === 200)
})

test('An address that a client claims in a header field gives it no second share', async (t) => {
  const { stream } = await withEvents(t, 0, { TRUSTED_PROXIES: 'none' })
  const statuses = []
  for (let i = 0; i < 17; i += 1) statuses.push((await stream(clientAt(`192.0.2.${i}`))).response.status)
  assert.deepEqual(statuses, [...Array<number>(16).fill(200), 429])
})

test('So many streams may be open and no more, and one that its client ends makes room', async (t) => {
  const { stream } = await withEvents(t, 1)
  const streams = await Promise.all(
    Array.from({ length: 64 }, (_, i) => stream(clientAt(`192.0.2.${i % 4}`))),
  )
  assert.ok(streams.every(({ response }) => response.status === 200))
  const { response } = await stream(clientAt('192.0.2.9'))
  assert.deepEqual([response.status, response.headers.get('retry-after')], [503, '5'])
  streams[0]?.abort()
  await until(async () => (await stream(clientAt('192.0.2.9'))).response.status === 200)
})

test('A stream whose client went away before its first event was read holds no place', async (t) => {
  const first = Promise.withResolvers<EventPage>()
  let reads = 0
  const responses = createEventResponses(
    () => {
      reads += 1
      return first.promise
    },
    { clock: systemClock },
  )
  const sent: Promise<void>[] = []
  const server = createServer((_, raw) =>
    sent.push(responses.send({ raw, hijack() {} }, 0, 'client', unrestricted)),
  )
  const url = `http://127.0.0.1:${await listenOn(t, server)}`
  const ending = new AbortController()
  const requests = Array.from({ length: 16 }, () => fetch(url, { signal: ending.signal }))
  await until(() => reads === 16)
  ending.abort()
  await Promise.allSettled(requests)
  await until(async () => (await connectionsOf(server)) === 0)
  first.resolve({ events: [], last: undefined })
  await Promise.all(sent)
  const raw = await fetch(url)
  assert.equal(raw.status, 200)
  responses.close()
  assert.equal(await raw.text(), ': the changes of GUIDs\n\n')
})

function connectionsOf(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)))
  })
}

const eventAt = (position: number) => ({
  owner: null,
  event: {
    position,
    id: String(position),
    type: 'guid.created' as const,
    guid: canonical,
    user: 'ada',
    expire: String(expire),
    version: 1,
    published_at: '2030-01-01T00:00:00.000Z',
  },
})

/** Streams of a server of their own, from the beginning, of four clients. */
async function openStreams(
  t: TestContext,
  count: number,
  readAfter: (position: number) => Promise<EventPage>,
) {
  const responses = createEventResponses(readAfter, { clock: systemClock })
  let opened = 0
  const server = createServer((_, raw) => {
    void responses.send({ raw, hijack() {} }, 0, `client ${opened++ % 4}`, unrestricted)
  })
  t.after(() => responses.close())
  const url = `http://127.0.0.1:${await listenOn(t, server)}`
  return Promise.all(Array.from({ length: count }, () => openStream(t, url, {})))
}

test('Streams that wait at the end share one poll, and each gets each event once', async (t) => {
  let reads = 0
  let newest = 0
  const streams = await openStreams(t, 16, async (position) => {
    reads += 1
    return { events: position < newest ? [eventAt(position + 1)] : [], last: undefined }
  })
  const before = reads
  for (const count of [1, 2, 3]) {
    const polls = reads
    await until(() => reads >= polls + 2)
    newest = count
    await until(() => streams.every(({ ids }) => ids().length === count))
  }
  for (const { ids } of streams) assert.deepEqual(ids(), [1, 2, 3])
  assert.ok(reads - before <= 20, `${reads - before} reads`)
})

test('Of streams that are behind a few are read in a turn of the event loop', async (t) => {
  const log: string[] = []
  let next = setImmediate(function turn() {
    log.push('turn')
    next = setImmediate(turn)
  })
  t.after(() => clearImmediate(next))
  const streams = await openStreams(t, 60, async (position) => {
    // Those that begin are read at once.
    if (position > 0) log.push('read')
    const isAtEnd = position >= 100
    return { events: isAtEnd ? [] : [eventAt(position + 1)], last: isAtEnd ? undefined : position + 1 }
  })
  await until(() => streams.every(({ ids }) => ids().length === 100))
  for (const turn of log.join(' ').split('turn')) {
    const reads = turn.split('read').length - 1
    assert.ok(reads <= 8, `${reads} reads`)
  }
})
