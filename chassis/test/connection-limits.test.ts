import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createApp, listen } from '@quintet/chassis/http'
import type { AppOptions } from '@quintet/chassis/http'
import { createLogger } from '@quintet/chassis/telemetry'

const skip = process.platform !== 'linux' && 'other systems have one loopback address'
const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`

async function start(t: TestContext, options: Partial<AppOptions>) {
  const app = await createApp({
    name: 'sample',
    title: 'Sample',
    description: 'For tests.',
    logger: createLogger({ service: 'sample', level: 'silent' }),
    ...options,
  })
  const held: (() => void)[] = []
  app.post('/read', async () => ({}))
  app.get('/held', () => new Promise((resolve) => held.push(() => resolve({}))))
  const port = Number(new URL(await listen(app, { host: '127.0.0.1', port: 0 })).port)
  const sockets: Socket[] = []
  t.after(async () => {
    for (const socket of sockets) socket.destroy()
    await app.close()
  })

  async function open(localAddress = '127.0.0.1', bytes = ''): Promise<Socket> {
    const socket = connect({ port, host: '127.0.0.1', localAddress }).on('error', () => {})
    sockets.push(socket)
    await once(socket, 'connect')
    socket.write(bytes)
    await (bytes.includes('/health') ? once(socket, 'data') : pause(20))
    return socket.resume()
  }

  return {
    open,
    held,
    async openMany(count: number, localAddress?: string): Promise<Socket[]> {
      const opened = []
      for (let at = 0; at < count; at += 1) opened.push(await open(localAddress))
      return opened
    },
  }
}

async function areOpen(sockets: readonly Socket[]): Promise<boolean[]> {
  await pause(50)
  return sockets.map(({ readyState }) => readyState === 'open')
}

test('Beyond the limit the connection that has waited for its client longest is closed', {
  skip,
}, async (t) => {
  const { openMany } = await start(t, { connections: { max: 4, clientSharePercent: 100 } })
  assert.deepEqual(await areOpen(await openMany(6)), [false, false, true, true, true, true])
})

test('A network beyond its share loses its own oldest connection, and another network has its place', {
  skip,
}, async (t) => {
  const { open, openMany } = await start(t, { connections: { max: 8, clientSharePercent: 50 } })
  const honest = await open()
  const greedy = await openMany(6, '127.0.0.2')
  assert.deepEqual(await areOpen(greedy), [false, false, true, true, true, true])
  assert.deepEqual(await areOpen([honest, await open()]), [true, true])
})

test('At the limit the network that has most loses a connection to another one', { skip }, async (t) => {
  const { open, openMany } = await start(t, { connections: { max: 4, clientSharePercent: 100 } })
  const greedy = await openMany(4, '127.0.0.2')
  const honest = await open()
  assert.deepEqual(await areOpen([...greedy, honest]), [false, true, true, true, true])
})

test('A trusted proxy has no limit of its own', { skip }, async (t) => {
  const { openMany } = await start(t, {
    connections: { max: 8, clientSharePercent: 25 },
    trustedProxies: '127.0.0.2',
  })
  assert.deepEqual(await areOpen(await openMany(6, '127.0.0.2')), Array(6).fill(true))
})

test('A connection that has had a response is closed after those that have not', { skip }, async (t) => {
  const { open, openMany } = await start(t, { connections: { max: 3, clientSharePercent: 100 } })
  const used = await open('127.0.0.1', get('/health/live'))
  assert.deepEqual(await areOpen([used, ...(await openMany(4))]), [true, false, false, true, true])
})

test('A request that is being served keeps its connection, and where all are, the new one is closed', {
  skip,
}, async (t) => {
  const { open, held } = await start(t, { connections: { max: 2, clientSharePercent: 100 } })
  const served = [await open('127.0.0.1', get('/held')), await open('127.0.0.1', get('/held'))]
  assert.deepEqual(await areOpen([...served, await open()]), [true, true, false])
  const answers = served.map((socket) => once(socket, 'data'))
  for (const respond of held) respond()
  for (const answer of answers) assert.match(String(await answer), /^HTTP\/1\.1 200/)
  assert.deepEqual(await areOpen([await open()]), [true])
})

test('A request whose body is withheld gives way, unlike one that is being served', { skip }, async (t) => {
  const { open } = await start(t, { connections: { max: 2, clientSharePercent: 100 } })
  const post = 'POST /read HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n'
  const served = await open('127.0.0.1', get('/held'))
  const withheld = await open('127.0.0.1', post)
  assert.deepEqual(await areOpen([served, withheld, await open()]), [true, false, true])
})
