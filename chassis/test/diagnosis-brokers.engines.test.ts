import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { startPrivateEngine } from '@quintet/backends'
import { diagnose } from '@quintet/chassis/diagnosis'
import { openQueue } from '@quintet/chassis/queue'
import { connect } from 'amqplib'
import { engineUrl } from './testing.ts'

const findingsOf = async (url: string, ...queues: readonly string[]) =>
  (await diagnose(url, { queues })).map(({ verdict, text }) => `${verdict}: ${text}`)

if (engineUrl('amqp') !== undefined) {
  test('amqp: each queue is good as a quorum queue, and weak as a classic one', async (t: TestContext) => {
    const engine = await startPrivateEngine('amqp')
    t.after(() => engine.dispose())
    const answers = 'good: It responds, and accepts the user and the password.'
    t.assert.deepEqual(await findingsOf(engine.url), [answers])
    t.assert.deepEqual(await findingsOf(engine.url, 'billing_queue', 'notices'), [
      answers,
      'good: billing_queue.quorum is not there yet; it will be a quorum queue.',
      'good: notices.quorum is not there yet; it will be a quorum queue.',
    ])
    const connection = await connect(engine.url)
    const channel = await connection.createChannel()
    await channel.assertQueue('billing_queue.quorum', { durable: true })
    const [, classic, other] = await findingsOf(engine.url, 'billing_queue', 'notices')
    t.assert.match(String(classic), /^weak: billing_queue\.quorum is a classic queue/)
    t.assert.match(String(other), /^good: notices\.quorum is not there yet/)
    await channel.deleteQueue('billing_queue.quorum')
    await connection.close()
    const queue = await openQueue(engine.url)
    await queue.publishAll('billing_queue', [{ id: '1', key: '', body: '{}' }])
    await queue.close()
    t.assert.deepEqual(await findingsOf(engine.url, 'billing_queue'), [
      answers,
      'good: billing_queue.quorum is a quorum queue.',
    ])
  })

  test('amqp: a broker that refuses the password is a finding, without the password', async (t: TestContext) => {
    const url = Object.assign(new URL(engineUrl('amqp') ?? ''), { password: 'not-the-password' }).href
    const [finding] = await findingsOf(url)
    t.assert.match(String(finding), /^broken: /)
    t.assert.doesNotMatch(String(finding), /not-the-password/)
  })
}

const kafka = engineUrl('kafka')
if (kafka !== undefined)
  test('kafka: the findings name what a cluster of one broker cannot guarantee', async (t: TestContext) => {
    const findings = await findingsOf(kafka)
    t.assert.match(findings.join('\n'), /good: It responds/)
    t.assert.match(findings.join('\n'), /weak: There is one broker/)
    t.assert.match(findings.join('\n'), /weak: New topics have 1 replicas, of which 1 must be in sync/)
    t.assert.match(findings.join('\n'), /good: Only an in-sync replica can become leader/)
  })
