import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { listen } from '@quintet/chassis/http'
import type { AppOptions } from '@quintet/chassis/http'
import { createSampleApp } from './sample-app.ts'
import { until } from './testing.ts'

const skip = process.platform !== 'linux' && 'other systems have one loopback address'
const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`

async function start(t: TestContext, options: Partial<AppOptions>) {
  const sockets: Socket[] = []
  const held: (() => void)[] = []
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    for (const respond of held) respond()
  })
  const app = await createSampleApp(t, options)
  app.post('/read', async () => ({}))
  app.get('/held', () => new Promise((resolve) => held.push(() => resolve({}))))
  let accepted = 0
  let begun = 0
  app.server.on('connection', () => (accepted += 1))
  const port = Number(new URL(await listen(app, { host: '127.0.0.1', port: 0 })).port)
  app.server.on('request', () => (begun += 1))

  async function open(localAddress = '127.0.0.1', bytes = ''): Promise<Socket> {
    const socket = connect({ port, host: '127.0.0.1', localAddress }).on('error', () => {})
    sockets.push(socket)
    await until(() => accepted === sockets.length)
    if (bytes === '') return socket.resume()
    const before = begun
    socket.write(bytes)
    await (bytes.includes('/health') ? once(socket, 'data') : until(() => begun > before))
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

/** Waits for those to be closed that are to be, and then for a moment, in which the others are not. */
async function assertOpen(sockets: readonly Socket[], expected: readonly boolean[]): Promise<void> {
  const areOpen = () => sockets.map(({ readyState }) => readyState === 'open')
  await until(() => areOpen().every((isOpen, at) => !isOpen || expected[at]), 10_000).catch(() => {})
  await pause(50)
  assert.deepEqual(areOpen(), expected)
}

test('Beyond the limit the connection that has waited for its client longest is closed', {
  skip,
}, async (t) => {
  const { openMany } = await start(t, { connections: { max: 4, clientSharePercent: 100 } })
  await assertOpen(await openMany(6), [false, false, true, true, true, true])
})

test('A network beyond its share loses its own oldest connection, and another network has its place', {
  skip,
}, async (t) => {
  const { open, openMany } = await start(t, { connections: { max: 8, clientSharePercent: 50 } })
  const honest = await open()
  const greedy = await openMany(6, '127.0.0.2')
  await assertOpen(greedy, [false, false, true, true, true, true])
  await assertOpen([honest, await open()], [true, true])
})

test('At the limit the network that has most loses a connection to another one', { skip }, async (t) => {
  const { open, openMany } = await start(t, { connections: { max: 4, clientSharePercent: 100 } })
  const greedy = await openMany(4, '127.0.0.2')
  const honest = await open()
  await assertOpen([...greedy, honest], [false, true, true, true, true])
})

test('A trusted proxy has no limit of its own', { skip }, async (t) => {
  const { openMany } = await start(t, {
    connections: { max: 8, clientSharePercent: 25 },
    trustedProxies: '127.0.0.2',
  })
  await assertOpen(await openMany(6, '127.0.0.2'), Array(6).fill(true))
})

test('A connection that has had a response is closed after those that have not', { skip }, async (t) => {
  const { open, openMany } = await start(t, { connections: { max: 3, clientSharePercent: 100 } })
  const used = await open('127.0.0.1', get('/health/live'))
  await assertOpen([used, ...(await openMany(4))], [true, false, false, true, true])
})

test('A request that is being served keeps its connection, and where all are, the new one is closed', {
  skip,
}, async (t) => {
  const { open, held } = await start(t, { connections: { max: 2, clientSharePercent: 100 } })
  const served = [await open('127.0.0.1', get('/held')), await open('127.0.0.1', get('/held'))]
  await assertOpen([...served, await open()], [true, true, false])
  const answers = served.map((socket) => once(socket, 'data'))
  for (const respond of held) respond()
  for (const answer of answers) assert.match(String(await answer), /^HTTP\/1\.1 200/)
  await assertOpen([await open()], [true])
})

test('A request whose body is withheld gives way, unlike one that is being served', { skip }, async (t) => {
  const { open } = await start(t, { connections: { max: 2, clientSharePercent: 100 } })
  const post = 'POST /read HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n'
  const served = await open('127.0.0.1', get('/held'))
  const withheld = await open('127.0.0.1', post)
  await assertOpen([served, withheld, await open()], [true, false, true])
})
