import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { closeOf, listenOn } from './sockets.ts'
import { startProxy } from './tcp-proxy.ts'

/** A server that sends back what it receives after its name, and counts what it has received. */
async function startEcho(t: TestContext, name: string) {
  const received: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      received.push(String(bytes))
      socket.write(name + String(bytes))
    })
  })
  const port = await listenOn(t, server)
  t.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  return { url: `tcp://127.0.0.1:${port}`, received, sockets }
}

async function createWorld(t: TestContext) {
  const server = await startEcho(t, 'a ')
  const proxy = await startProxy(t, server.url)
  const open = async () => {
    const socket = connect(proxy.port, '127.0.0.1').on('error', () => {})
    t.after(() => socket.destroy())
    await once(socket, 'connect')
    return socket
  }
  return { server, proxy, open }
}

async function ask(socket: Socket, text: string): Promise<string> {
  socket.write(text)
  return String((await once(socket, 'data', { signal: AbortSignal.timeout(2_000) }))[0])
}

/** What a socket receives in the time that any response would need. */
async function receivedSoon(socket: Socket): Promise<string> {
  let received = ''
  socket.on('data', (bytes) => {
    received += String(bytes)
  })
  await pause(100)
  return received
}

async function errorOf(socket: Socket): Promise<string> {
  let code = 'none'
  socket.on('error', (error) => {
    if ('code' in error) code = String(error.code)
  })
  await closeOf(socket)
  return code
}

test('A proxy passes requests and responses on, and the end of a connection in each direction', async (t) => {
  const { server, open } = await createWorld(t)
  const client = await open()
  t.assert.equal(await ask(client, 'x'), 'a x')
  for (const socket of server.sockets) socket.end('bye')
  t.assert.equal(String((await once(client, 'data'))[0]), 'bye')
  t.assert.equal(await errorOf(client), 'none')
})

test('A delay holds back what is sent in each direction, in order, until it is over', async (t: TestContext) => {
  const { proxy, open } = await createWorld(t)
  const client = await open()
  proxy.delay(60)
  const startedAt = performance.now()
  t.assert.equal(await ask(client, 'x'), 'a x')
  t.assert.ok(performance.now() - startedAt >= 118)
  client.write('1')
  await proxy.pass()
  client.write('2')
  t.assert.match(await receivedSoon(client), /1.*2/)
  const resumedAt = performance.now()
  await ask(client, 'x')
  t.assert.ok(performance.now() - resumedAt < 60)
})

test('A reset and a cut end the present connections, with RST and with FIN, and new ones work', async (t) => {
  const { proxy, open } = await createWorld(t)
  for (const [action, code] of [
    ['reset', 'ECONNRESET'],
    ['cut', 'none'],
  ] as const) {
    const client = await open()
    await ask(client, 'x')
    const error = errorOf(client)
    proxy[action]()
    t.assert.equal(await error, code)
    t.assert.equal(await ask(await open(), 'y'), 'a y')
  }
})

test('A connection that loses requests or responses stays open, and a new one works', async (t) => {
  const { server, proxy, open } = await createWorld(t)
  for (const [direction, arrived] of [
    ['requests', ['before']],
    ['responses', ['before', 'lost']],
  ] as const) {
    server.received.length = 0
    const client = await open()
    await ask(client, 'before')
    proxy.lose(direction)
    client.write('lost')
    t.assert.equal(await receivedSoon(client), '')
    t.assert.deepEqual(server.received, arrived)
    t.assert.equal(client.closed, false)
    t.assert.equal(await ask(await open(), 'y'), 'a y')
  }
})

test('While everything is swallowed connections are accepted, and nothing passes in either direction', async (t) => {
  const { server, proxy, open } = await createWorld(t)
  const present = await open()
  await ask(present, 'x')
  proxy.swallow()
  for (const client of [present, await open()]) {
    client.write('lost')
    t.assert.equal(await receivedSoon(client), '')
  }
  t.assert.deepEqual(server.received, ['x'])
  await proxy.pass()
  t.assert.equal(await ask(await open(), 'y'), 'a y')
})

test('While connections are refused the present ones are reset, and afterwards new ones work at the same port', async (t) => {
  const { proxy, open } = await createWorld(t)
  const client = await open()
  await ask(client, 'x')
  const error = errorOf(client)
  proxy.refuse()
  t.assert.equal(await error, 'ECONNRESET')
  await t.assert.rejects(open(), /ECONNREFUSED/)
  await proxy.pass()
  t.assert.equal(await ask(await open(), 'y'), 'a y')
})

test('A dropped response closes its connection after the server has received the request, unless the request is exempt', async (t) => {
  const { server, proxy, open } = await createWorld(t)
  proxy.dropResponses((request) => String(request) === 'exempt')
  const client = await open()
  t.assert.equal(await ask(client, 'exempt'), 'a exempt')
  const closing = errorOf(client)
  client.write('x')
  await closing
  t.assert.deepEqual(server.received, ['exempt', 'x'])
})

test('A proxy that leads to another server and back closes the connections to the one before', async (t) => {
  const { server, proxy, open } = await createWorld(t)
  const other = await startEcho(t, 'b ')
  const client = await open()
  await ask(client, 'x')
  proxy.forwardTo(other.url)
  await closeOf(client)
  t.assert.equal(await ask(await open(), 'x'), 'b x')
  proxy.forwardTo(server.url)
  t.assert.equal(await ask(await open(), 'x'), 'a x')
})
