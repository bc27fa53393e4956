import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startPrivateEngine } from '@quintet/backends'
import { engineUrl, until } from '@quintet/chassis/testing'
import { connect } from 'amqplib'
import { billingMain, order } from './billing-world.ts'
import { call, dataFolder, run } from './processes.ts'

if (engineUrl('amqp') !== undefined)
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
