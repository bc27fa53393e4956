import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { once } from 'node:events'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { listen } from '../src/http/index.ts'
import { setEndless } from '../src/http/connections/exchanges.ts'
import { oneAtATime } from '../src/http/connections/pipelining.ts'
import type { PipeliningLimits } from '../src/http/connections/pipelining.ts'
import { createSampleApp } from './sample-app.ts'
import { closeOf, listenOn, sendBytes } from './sockets.ts'
import { until } from './testing.ts'

/** A server that holds its responses until they are finished by the test; `begun` are the paths of its requests. */
async function startServer(t: TestContext, limits?: PipeliningLimits) {
  const begun: string[] = []
  const held: ServerResponse[] = []
  const hold = (request: IncomingMessage, response: ServerResponse) => {
    begun.push(request.url ?? '')
    held.push(response)
  }
  const server = createServer(oneAtATime(hold, limits))
  let connections = 0
  server.on('connection', (socket) => {
    connections += 1
    socket.once('close', () => (connections -= 1))
  })
  return { begun, held, port: await listenOn(t, server), connections: () => connections }
}

/** Elsewhere than on Linux, 127.0.0.1 is the only address of the loopback interface. */
const skip = process.platform !== 'linux'

const get = (path: string | number, fields = '') => `GET /${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`

test('A request that is sent before the response to the last one begins when that response is complete', async (t) => {
  const { begun, held, port } = await startServer(t)
  const socket = connect(port, '127.0.0.1')
  socket.write(get(1) + get(2))
  socket.write(`POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi${get(4, 'Connection: close\r\n')}`)
  for (let count = 1; count <= 4; count += 1) {
    await until(() => begun.length === count)
    await setTimeout(10)
    assert.equal(begun.length, count)
    held.at(-1)?.end(String(count))
  }
  const text = (await socket.toArray()).join('')
  assert.deepEqual(begun, ['/1', '/2', '/3', '/4'])
  assert.deepEqual(text.match(/^\d(?:\r\n)?$|(?<=\r\n\r\n)\d/gm)?.map(Number), [1, 2, 3, 4])
})

test('A request after a response that closes the connection never begins', async (t) => {
  const { begun, held, port } = await startServer(t)
  const socket = connect(port, '127.0.0.1')
  socket.write(get(1) + get(2) + get(3))
  await until(() => begun.length === 1)
  held[0]?.writeHead(400, { connection: 'close', 'content-length': 0 }).end()
  assert.equal((await socket.toArray()).join('').match(/HTTP/g)?.length, 1)
  assert.deepEqual(begun, ['/1'])
})

test('Requests on other connections do not wait', async (t) => {
  const { begun, port } = await startServer(t)
  const sockets = [1, 2, 3].map((name) => {
    const socket = connect(port, '127.0.0.1')
    socket.write(get(name) + get(name))
    return socket
  })
  await until(() => begun.length === 3)
  assert.deepEqual(begun.toSorted(), ['/1', '/2', '/3'])
  for (const socket of sockets) socket.destroy()
})

test('A connection with too many waiting requests is closed, and what waited on it never begins', async (t) => {
  const { begun, held, port } = await startServer(t, { waitingMax: 5, allBytesMax: 1e9 })
  const allowed = connect(port, '127.0.0.1')
  allowed.write(Array.from({ length: 6 }, () => get('allowed')).join(''))
  const greedy = connect(port, '127.0.0.1').on('error', () => {})
  greedy.write(Array.from({ length: 7 }, () => get('greedy')).join(''))
  await closeOf(greedy)
  for (let count = 0; count < 6; count += 1) {
    await until(() => held.length > 0 && begun.filter((path) => path === '/allowed').length > count)
    for (const response of held.splice(0)) response.end()
  }
  assert.deepEqual(begun.filter((path) => path === '/greedy').length, 1)
  allowed.destroy()
})

test('The limit on all waiting requests is released when their connections close', async (t) => {
  const { begun, port, connections } = await startServer(t, { waitingMax: 5, allBytesMax: 25_000 })
  for (let round = 1; round <= 5; round += 1) {
    const socket = connect(port, '127.0.0.1')
    socket.write(Array.from({ length: 5 }, () => get(round)).join(''))
    await until(() => begun.length === round)
    socket.destroy()
    await until(() => connections() === 0)
  }
})

test('Requests with many fields that wait close their connection before they fill the memory', async (t) => {
  const { begun, port } = await startServer(t, { waitingMax: 100, allBytesMax: 150_000 })
  const fields = 'a: b\r\n'.repeat(98)
  const allowed = connect(port, '127.0.0.1')
  allowed.write(get('allowed').repeat(6))
  await until(() => begun.length === 1)
  const greedy = connect(port, '127.0.0.1').on('error', () => {})
  greedy.write(get('greedy', fields).repeat(7))
  await closeOf(greedy)
  assert.equal(allowed.readyState, 'open')
  allowed.destroy()
})

test('Where all that waits takes too much, the largest connection of the network that has most is closed, and not the one that comes', {
  skip,
}, async (t) => {
  const { begun, port } = await startServer(t, { waitingMax: 100, allBytesMax: 150_000 })
  const open = async (localAddress: string, text: string) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress }).on('error', () => {})
    const count = begun.length
    socket.write(text)
    await until(() => begun.length > count)
    return socket.resume()
  }
  const small = await open('127.0.0.2', get('greedy').repeat(6))
  const large = await open('127.0.0.2', get('greedy').repeat(20))
  const others = []
  for (const host of [3, 4, 5]) others.push(await open(`127.0.0.${host}`, get('other').repeat(6)))
  await closeOf(large)
  assert.deepEqual(
    [small, ...others].map(({ readyState }) => readyState),
    Array(4).fill('open'),
  )
  for (const socket of [small, ...others]) socket.destroy()
})

for (const [framing, body] of [
  ['a length', `Content-Length: 60000\r\n\r\n${'x'.repeat(60_000)}`],
  ['chunks', `Transfer-Encoding: chunked\r\n\r\nea60\r\n${'x'.repeat(60_000)}\r\n0\r\n\r\n`],
])
  test(`The bodies of requests that wait count as what they take: those with ${framing}`, async (t) => {
    const { begun, port } = await startServer(t, { waitingMax: 100, allBytesMax: 1_000_000 })
    const allowed = connect(port, '127.0.0.1').resume()
    allowed.write(get('allowed') + `POST / HTTP/1.1\r\nHost: a\r\n${body}`.repeat(2))
    await until(() => begun.length === 1)
    const greedy = connect(port, '127.0.0.1').on('error', () => {})
    greedy.write(get('greedy') + `POST / HTTP/1.1\r\nHost: a\r\n${body}`.repeat(20))
    await closeOf(greedy)
    assert.deepEqual([allowed.readyState, begun.length], ['open', 2])
    allowed.destroy()
  })

for (const when of ['before', 'after'])
  test(`A request behind a response without an end closes the connection, sent ${when} that begins, and never begins`, async (t) => {
    const { begun, held, port } = await startServer(t)
    const socket = connect(port, '127.0.0.1')
    socket.write(get(1) + get('events'))
    await until(() => held.length === 1)
    held[0]?.end('one')
    await until(() => held.length === 2)
    const [, stream] = held
    assert.ok(stream)
    const beginStream = () => {
      setEndless(stream)
      stream.write('two')
    }
    if (when === 'after') beginStream()
    socket.write(get(2))
    await setTimeout(20)
    if (when === 'before') beginStream()
    assert.match((await socket.toArray()).join(''), /one/)
    assert.deepEqual(begun, ['/1', '/events'])
  })

test('Requests that have not waited begin between those that have', async (t) => {
  const begun: string[] = []
  const server = createServer(
    oneAtATime(({ url = '' }, response) => {
      begun.push(url)
      response.end()
    }),
  )
  const port = await listenOn(t, server)
  const greedy = connect(port, '127.0.0.1').resume()
  const honest = connect(port, '127.0.0.1').resume()
  await Promise.all([once(greedy, 'connect'), once(honest, 'connect')])
  greedy.write(get('greedy').repeat(500))
  honest.write(get('honest'))
  await until(() => begun.length === 501)
  assert.ok(begun.indexOf('/honest') < 50, `it was number ${begun.indexOf('/honest')}`)
})

test('A service responds to 600 requests that are sent at once on one connection, in their order', async (t) => {
  const app = await createSampleApp(t)
  let atWork = 0
  let atWorkMax = 0
  app.get('/:id', async ({ params }) => {
    atWork += 1
    atWorkMax = Math.max(atWork, atWorkMax)
    await setTimeout(0)
    atWork -= 1
    return { id: `<${Object(params).id}>` }
  })
  const { port } = new URL(await listen(app, { host: '127.0.0.1', port: 0 }))
  const ids = Array.from({ length: 600 }, (_, id) => id)
  const requests = ids.map((id) => get(id, id === 599 ? 'Connection: close\r\n' : ''))
  const text = await sendBytes(Number(port), requests.join(''))
  assert.deepEqual(
    Array.from(text.matchAll(/<(\d+)>/g), ([, id]) => Number(id)),
    ids,
  )
  assert.equal(atWorkMax, 1)
})
