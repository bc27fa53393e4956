import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { settingsOf } from '@quintet/chassis/testing/settings'
import type { QueueSummary, ServiceDetail, SystemMap } from '@quintet/console/wire'
import { startConsole } from '../cli/console.ts'
import { dataFolder } from './system/processes.ts'

/** A console beside no service, with these settings, of which those of services need not be valid. */
async function openAlone(t: TestContext, given: Readonly<Record<string, string>>) {
  const settings = settingsOf({
    ...{ DATA_DIR: dataFolder(t), CONSOLE_PORT: '0', CONSOLE_HOST: '127.0.0.1', LOG_LEVEL: 'silent' },
    ...{ TELEMETRY_URL: 'none:', CHECK_RESPONSES: 'on' },
    ...given,
  })
  const { app } = await startConsole(settings, { running: [], operationsUrl: undefined, keep: undefined })
  t.after(() => app.close())
  return {
    async get<T>(path: string): Promise<T> {
      const { statusCode, body } = await app.inject(`/api/${path}`)
      assert.equal(statusCode, 200, body)
      return JSON.parse(body)
    },
    reasons: (queue: string) =>
      app.inject({
        method: 'POST',
        url: `/api/queues/${queue}/reasons`,
        headers: { 'x-quintet-console': '1', 'content-type': 'application/json' },
        payload: {},
      }),
  }
}

const fault =
  /^The settings of billing are invalid: QUEUE_URL must be .* "nowhere" \(from the environment\)\./

test('A queue whose setting is invalid is shown with what is wrong of which service, beside all others', async (t) => {
  const { get, reasons } = await openAlone(t, { QUEUE_URL: 'nowhere' })
  const queues = (await get<{ data: QueueSummary[] }>('queues')).data
  const billing = queues.find(({ service }) => service === 'billing')
  assert.match(billing?.fault ?? '', fault)
  assert.equal(billing?.live, null)
  const others = queues.filter((queue) => queue !== billing)
  assert.deepEqual(
    others.map(({ service, live, dead, fault }) => [service, live, dead, fault]),
    [
      ['guid', 0, 0, null],
      ['certificates', 0, 0, null],
    ],
  )
  const { nodes } = await get<SystemMap>('map')
  assert.match(nodes.find(({ id }) => id === 'queue billing_queue')?.fault ?? '', fault)
  const { statusCode, body } = await reasons('billing_queue.dead')
  assert.equal(statusCode, 503)
  assert.match(JSON.parse(body).detail, fault)
})

test('A setting that is invalid and not that of a queue leaves the queue of its service readable', async (t) => {
  const { get } = await openAlone(t, { BILLING_DATABASE_URL: 'nowhere' })
  const queues = (await get<{ data: QueueSummary[] }>('queues')).data
  assert.deepEqual(
    queues.map(({ live, fault }) => [live, fault]),
    queues.map(() => [0, null]),
  )
})

test('A service with an invalid setting is examined no further than that, and the others are', async (t) => {
  const { get } = await openAlone(t, { BILLING_DATABASE_URL: 'nowhere' })
  const { findings } = await get<ServiceDetail>('services/billing?doctor=1')
  assert.equal(findings?.[0]?.level, 'broken')
  assert.match(findings?.[0]?.text ?? '', /^BILLING_DATABASE_URL must be /)
  assert.equal(findings?.length, 1)
  const inventory = await get<ServiceDetail>('services/inventory?doctor=1')
  assert.deepEqual(
    inventory.findings?.filter(({ text }) => text.includes('must be')),
    [],
  )
})
