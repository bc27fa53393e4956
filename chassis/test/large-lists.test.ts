import assert from 'node:assert/strict'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { listen, pageQuery } from '@quintet/chassis/http'
import { until } from '@quintet/chassis/testing'
import { Type } from 'typebox'
import { createSampleApp } from './sample-app.ts'

/** A service whose lists are held until the test finishes them. */
async function start(t: TestContext, body = '[]') {
  const app = await createSampleApp(t)
  const held: (() => void)[] = []
  app.get('/things', { schema: { querystring: Type.Object(pageQuery) } }, (_, reply) => {
    held.push(() => reply.type('application/json').send(body))
    return reply
  })
  app.get('/other', async () => ({}))
  const open = new Set<Socket>()
  app.server.on('connection', (socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  const url = await listen(app, { host: '127.0.0.1', port: 0 })
  return { url, held, open, port: Number(new URL(url).port) }
}

const limits = { timeout: 30_000 }
const statusOf = async (url: string) => (await fetch(url)).status
const requestPages = (url: string, count: number) =>
  Array.from({ length: count }, () => statusOf(`${url}/things?limit=1000`))

test(
  'A few large pages are made at a time, the others wait, and no other request does',
  limits,
  async (t) => {
    const { url, held } = await start(t)
    const large = requestPages(url, 10)
    await until(() => held.length === 2)
    assert.equal(await statusOf(`${url}/other`), 200)
    const small = statusOf(`${url}/things?limit=100`)
    await until(() => held.length >= 3)
    const timer = setInterval(() => {
      for (const finish of held.splice(0)) finish()
    }, 5)
    t.after(() => clearInterval(timer))
    assert.deepEqual(await Promise.all([...large, small]), Array(11).fill(200))
  },
)

test(
  'Pages that take long, as those of a slow database, do not keep others from beginning',
  limits,
  async (t) => {
    const { url, held } = await start(t)
    const large = requestPages(url, 6)
    await until(() => held.length === 6)
    for (const finish of held) finish()
    await Promise.all(large)
  },
)

test('Of large pages that nobody reads, the oldest are cut', limits, async (t) => {
  const { held, open, port } = await start(t, JSON.stringify('x'.repeat(6_000_000)))
  const sockets = Array.from({ length: 70 }, () => connect(port, '127.0.0.1').pause())
  t.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  for (const socket of sockets) {
    socket.on('error', () => {})
    socket.write('GET /things?limit=1000 HTTP/1.1\r\nHost: a\r\n\r\n')
  }
  for (let made = 0; made < 70; ) {
    await pause(5)
    for (const finish of held.splice(0)) {
      finish()
      made += 1
    }
  }
  await until(() => open.size <= 64)
  let cut = 0
  for (const socket of sockets) socket.resume().on('close', () => (cut += 1))
  await until(() => cut >= 6)
  await pause(50)
  assert.equal(cut, 6)
})
