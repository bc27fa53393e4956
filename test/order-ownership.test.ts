import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { listen } from '@quintet/chassis/http'
import { createLogger } from '@quintet/chassis/telemetry'
import { until } from '@quintet/chassis/testing'
import { comparable, createPrincipals } from '@quintet/chassis/testing/principals'
import type { Sender } from '@quintet/chassis/testing/principals'
import { settingsOf } from '@quintet/chassis/testing/settings'
import { services } from '../topology.ts'
import { dataFolder } from './system/processes.ts'

const order = { user_id: '3', number_of_items: '5', total_amount: '180' }

test('An order that is posted at the gateway is its poster’s, before billing has it and once it is stored', async (t) => {
  const principals = createPrincipals(t, ['orders:read', 'orders:write'])
  const folder = dataFolder(t)
  const logger = createLogger({ service: 'test', level: 'silent' })
  const settings = {
    ...principals.settings,
    DATA_DIR: folder,
    QUEUE_URL: `sqlite:${join(folder, 'queue.db')}`,
    BILLING_DATABASE_URL: 'sqlite::memory:',
  }
  const open = async (name: 'billing' | 'gateway', more = {}) => {
    const app = await services[name].createApp(settingsOf({ ...settings, ...more }), { logger })
    t.after(() => app.close())
    return listen(app, { host: '127.0.0.1', port: 0 })
  }
  const gateway = await open('gateway', { BILLING_URL: await open('billing') })
  const send = (sender: Sender, path: string) => principals.send(gateway, sender, { path })
  const ids = new Map<Sender, string>()
  for (const sender of ['ada', 'bob'] as const) {
    const { text } = await principals.send(gateway, sender, {
      method: 'POST',
      path: '/api/billing',
      body: order,
    })
    ids.set(sender, `/api/orders/by-message/${JSON.parse(text).message_id}`)
  }
  const [ofAda = '', ofBob = ''] = ids.values()
  const missing = comparable(await send('bob', '/api/orders/by-message/0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b'))
  assert.equal(missing.status, 404)
  await until(async () => {
    assert.deepEqual(comparable(await send('bob', ofAda)), missing)
    return (
      (await send('ada', ofAda)).text.includes('"stored"') &&
      (await send('bob', ofBob)).text.includes('"stored"')
    )
  })
  assert.deepEqual(comparable(await send('bob', ofAda)), missing)
  const listed = async (sender: Sender): Promise<{ id: number }[]> =>
    JSON.parse((await send(sender, '/api/orders')).text)
  const [adas, bobs] = [await listed('ada'), await listed('bob')]
  assert.deepEqual([adas.length, bobs.length, (await listed('reader')).length], [1, 1, 2])
  assert.equal((await send('bob', `/api/orders/${bobs[0]?.id}`)).status, 200)
  assert.equal((await send('bob', `/api/orders/${adas[0]?.id}`)).status, 404)
})
