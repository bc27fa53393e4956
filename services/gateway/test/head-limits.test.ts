import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createApp, listen } from '@quintet/chassis/http'
import { createLogger } from '@quintet/chassis/telemetry'
import { sendBytes } from '@quintet/chassis/testing/sockets'
import { ask } from './ask.ts'
import { startGateway } from './start-gateway.ts'

/** A gateway before a service of the chassis, which counts what its parser refuses. */
async function startWorld(t: TestContext) {
  const logger = createLogger({ service: 'guid', level: 'silent' })
  const app = await createApp({ name: 'guid', title: 'guid', description: 'guid', logger })
  const fields: number[] = []
  app.all('/guid', async (request) => {
    fields.push(request.raw.rawHeaders.length / 2)
    return { isForwarded: request.headers['x-forwarded-for'] !== undefined }
  })
  t.after(() => app.close())
  const GUID_URL = await listen(app, { host: '127.0.0.1', port: 0 })
  let refusals = 0
  app.server.on('clientError', () => {
    refusals += 1
  })
  const gateway = await startGateway(t, { GUID_URL, GATEWAY_CIRCUIT_FAULTS_MAX: 1 })
  return { ...gateway, fields, refusals: () => refusals }
}

test('A head near the limit either reaches the service or is 431 at the gateway, by its size with what the gateway adds', async (t) => {
  const { url, refusals, fields } = await startWorld(t)
  const statuses = new Set<number>()
  for (let size = 15_600; size < 16_384; size += 16) {
    const { status, body } = await ask(`${url}/guid`, { headers: { 'x-large': 'x'.repeat(size) } })
    statuses.add(status)
    if (status === 431) assert.match(String(body), /has more than 16 KiB( with what the gateway adds)?\./)
  }
  assert.deepEqual([[...statuses], refusals()], [[200, 431], 0])
  assert.ok(fields.every((count) => count > 5))
})

test('A head of 100 fields reaches the service, and one of more is 431 at the gateway', async (t) => {
  const { port, refusals, fields } = await startWorld(t)
  for (const count of [100, 101, 128, 129, 900, 1_990, 2_500]) {
    const others = 'a:b\r\n'.repeat(count - 2)
    const text = await sendBytes(port, `GET /guid HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${others}\r\n`)
    if (count === 100) assert.match(text, /^HTTP\/1\.1 200.*"isForwarded":true/s)
    else assert.match(text, /^HTTP\/1\.1 431.*"The header section has more than \d+ fields\."/s)
  }
  assert.deepEqual([fields.length, refusals()], [1, 0])
})

test('A large head with a large body is 431 for its sender, and no fault of the service', async (t) => {
  const { url } = await startWorld(t)
  const headers = { 'x-large': 'x'.repeat(16_150) }
  const attack = Array.from({ length: 12 }, () =>
    ask(`${url}/guid`, { method: 'POST', headers, body: Buffer.alloc(3_000_000) }).catch(() => undefined),
  )
  for (const answer of await Promise.all(attack)) assert.ok(answer === undefined || answer.status === 431)
  assert.equal((await ask(`${url}/guid`)).status, 200)
})
