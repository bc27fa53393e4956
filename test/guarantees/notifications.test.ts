import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { listenOn } from '@quintet/chassis/testing/sockets'
import { call, dataFolder, run } from '../system/processes.ts'

const certificatesMain = ['services/certificates/src/main.ts']
const secret = 'a secret of the receiver'

type Received = { deliveryId: string; id: number; active: boolean }

/** A receiver that rejects unsigned requests, and all requests until `state.isUp` is set. */
async function startReceiver(t: TestContext) {
  const state = { isUp: false }
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const {
      'x-timestamp': timestamp,
      'x-signature': signature,
      'x-delivery-id': deliveryId,
    } = request.headers
    const expected = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')
    const isSigned = signature === `sha256=${expected}`
    if (state.isUp && isSigned) received.push({ deliveryId: String(deliveryId), ...JSON.parse(body) })
    response.writeHead(state.isUp && isSigned ? 204 : 503).end()
  })
  const port = await listenOn(t, server)
  return { state, received, url: `http://127.0.0.1:${port}/` }
}

/**
 * Goal: a notification of a change acknowledged with 202 is delivered at least once, signed, and in order for each certificate.
 * Method: writers that activate and deactivate certificates while the receiver is down, SIGKILL, restart, receiver up.
 */
test('kill -9 while the receiver is down: each notification of an acknowledged change arrives, signed and in order', async (t) => {
  const { state, received, url } = await startReceiver(t)
  const environment = {
    DATA_DIR: dataFolder(t),
    LOG_LEVEL: 'silent',
    CERTIFICATES_NOTIFY_URL: url,
    CERTIFICATES_NOTIFY_SECRET: secret,
  }
  const first = run(t, certificatesMain, environment)
  const address = await first.address('certificates')
  const user = { name: 'Ada', email: 'ada@example.com', password: 'correct horse' }
  await call('POST', `${address}/users`, user)
  const certificate = { private_key: 'YQ==', active: true, body: 'test body' }
  const acknowledged = new Map<number, number>()
  for (let id = 1; id <= 10; id++) {
    await call('POST', `${address}/users/1/certificates`, certificate)
    acknowledged.set(id, 0)
  }
  const writers = [...acknowledged.keys()].map(async (id) => {
    for (let active = false; ; active = !active) {
      const change = { active, notify: true }
      const response = await call('PATCH', `${address}/users/1/certificates/${id}`, change)
      if (response === undefined) return
      assert.equal(response.status, 202)
      acknowledged.set(id, (acknowledged.get(id) ?? 0) + 1)
    }
  })
  while ([...acknowledged.values()].some((count) => count < 5)) await pause(1)
  await first.kill('SIGKILL')
  await Promise.all(writers)

  const second = run(t, certificatesMain, environment)
  await second.address('certificates')
  state.isUp = true
  const distinct = (id: number) => [
    ...new Map(received.filter((one) => one.id === id).map((one) => [one.deliveryId, one.active])).values(),
  ]
  const isDone = () => [...acknowledged].every(([id, count]) => distinct(id).length >= count)
  for (let tries = 0; tries < 4_000 && !isDone(); tries++) await pause(10)
  assert.ok(isDone(), `${received.length} notifications arrived`)
  for (const id of acknowledged.keys())
    distinct(id).forEach((active, i) => {
      assert.equal(active, i % 2 === 1, `the notifications of certificate ${id} are in order`)
    })
  assert.equal(await second.kill('SIGTERM'), 0)
})
