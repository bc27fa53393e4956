import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startPrivateEngine } from '@quintet/backends'
import { engineUrl, until } from '@quintet/chassis/testing'
import { createPrincipals } from '@quintet/chassis/testing/principals'
import type { Sender } from '@quintet/chassis/testing/principals'
import { ownerHeader } from '@quintet/contracts'
import { connect } from 'amqplib'
import { billingMain, order } from './billing-world.ts'
import { call, dataFolder, run } from './processes.ts'

if (engineUrl('amqp') !== undefined) {
  test('On RabbitMQ an accepted order is pending until it is stored, and an invalid message has failed', async (t) => {
    const engine = await startPrivateEngine('amqp')
    t.after(() => engine.dispose())
    const settings = { DATA_DIR: dataFolder(t), LOG_LEVEL: 'silent', QUEUE_URL: engine.url }
    const gateway = await run(t, ['services/gateway/src/main.ts'], settings).address('gateway')
    let posted: Awaited<ReturnType<typeof call>>
    await until(async () => {
      posted = await call('POST', `${gateway}/api/billing`, order)
      return posted?.status === 200
    })
    const id = String(Object(posted?.body).message_id)
    const connection = await connect(engine.url)
    const channel = await connection.createChannel()
    await channel.prefetch(1)
    const held = await channel.get('billing_queue.quorum')
    assert.ok(held !== false)
    assert.deepEqual(
      [held.properties.messageId, held.content.toString()],
      [id, '{"user_id":"3","number_of_items":"5","total_amount":"180"}'],
    )
    const billing = await run(t, billingMain, settings).address('billing')
    const statusOf = async (one: string) =>
      Object((await call('GET', `${billing}/orders/by-message/${one}`))?.body)
    assert.deepEqual(await statusOf(id), { status: 'pending' })
    channel.nack(held)
    await until(async () => (await statusOf(id)).status === 'stored')
    assert.deepEqual((await statusOf(id)).order, { id: 1, ...order })
    channel.sendToQueue('billing_queue', Buffer.from('no order'), {
      messageId: 'of-another',
      persistent: true,
    })
    await until(async () => (await statusOf('of-another')).status === 'failed')
    assert.match((await statusOf('of-another')).problem.detail, /is not JSON/)
    const forged = `${id.slice(0, -1)}${id.endsWith('0') ? '1' : '0'}`
    assert.equal((await statusOf(forged)).status, 'stored')
    const never = await call('GET', `${billing}/orders/by-message/0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b`)
    assert.equal(never?.status, 404)
    await connection.close()
  })

  test('On RabbitMQ an order is its poster’s alone, while it is pending, once it is stored, and if it has failed', async (t) => {
    const engine = await startPrivateEngine('amqp')
    t.after(() => engine.dispose())
    const principals = createPrincipals(t, ['orders:read', 'orders:write'])
    const settings = {
      ...principals.settings,
      DATA_DIR: dataFolder(t),
      LOG_LEVEL: 'silent',
      QUEUE_URL: engine.url,
    }
    const gateway = await run(t, ['services/gateway/src/main.ts'], settings).address('gateway')
    const request = { method: 'POST', path: '/api/billing', body: order }
    let posted: Awaited<ReturnType<typeof principals.send>> | undefined
    await until(async () => {
      posted = await principals.send(gateway, 'ada', request)
      return posted.status === 200
    })
    const id = String(Object(JSON.parse(posted?.text ?? '')).message_id)
    const connection = await connect(engine.url)
    const channel = await connection.createChannel()
    await channel.prefetch(1)
    const held = await channel.get('billing_queue.quorum')
    assert.ok(held !== false)
    assert.deepEqual([held.properties.messageId, held.properties.headers?.[ownerHeader]], [id, 'key:ada'])
    const billing = await run(t, billingMain, settings).address('billing')
    const path = `/orders/by-message/${id}`
    const seen = async (sender: Sender) => {
      const { status, text } = await principals.send(billing, sender, { path })
      return status === 200 ? Object(JSON.parse(text)).status : status
    }
    assert.deepEqual([await seen('ada'), await seen('bob'), await seen('reader')], ['pending', 404, 404])
    channel.nack(held)
    await until(async () => (await seen('ada')) === 'stored')
    assert.deepEqual([await seen('bob'), await seen('reader')], [404, 'stored'])
    const headers = { [ownerHeader]: 'key:ada' }
    for (const [messageId, more] of Object.entries({ owned: { headers }, unowned: {} }))
      channel.sendToQueue('billing_queue', Buffer.from('no order'), { messageId, persistent: true, ...more })
    const statusOf = async (sender: Sender, one: string) =>
      (await principals.send(billing, sender, { path: `/orders/by-message/${one}` })).status
    await until(
      async () => (await statusOf('ada', 'owned')) === 200 && (await statusOf('ada', 'unowned')) === 200,
    )
    assert.deepEqual([await statusOf('bob', 'owned'), await statusOf('bob', 'unowned')], [404, 200])
    await connection.close()
  })
}
