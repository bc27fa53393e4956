import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openStreamQueue, PoisonMessage } from '@quintet/chassis/queue'
import { createMetrics } from '@quintet/chassis/telemetry'
import { createFileUrl, until } from '@quintet/chassis/testing'

test('What is published, delivered, handled and dead is counted by queue, from 0 where it is known', async (t) => {
  const metrics = createMetrics()
  const measured = { metrics, publishesTo: ['work', 'changes'] }
  const queue = await openStreamQueue(createFileUrl(t), { measured })
  t.after(() => queue.close())
  const samples = async (name: string) => (await metrics.text()).match(new RegExp(`(?<=^${name}).*$`, 'gm'))
  const of = (destination: string, more = '') =>
    `{messaging_system="sqlite",messaging_destination_name="${destination}"${more}}`
  assert.deepEqual(await samples('messaging_client_sent_messages_total'), [
    `${of('work')} 0`,
    `${of('changes')} 0`,
  ])

  const handled: string[] = []
  const handler = async ({ body, attempt }: { body: string; attempt: number }) => {
    if (body === 'poison') throw new PoisonMessage('It cannot be read.')
    if (body === 'flaky' && attempt === 1) throw new Error('Once more.')
    handled.push(body)
  }
  queue.consume('work', handler, { concurrency: 1, backoffMs: () => 0 })
  assert.deepEqual(await samples('quintet_dead_letters_total'), ['{queue="work"} 0'])
  const message = (body: string) => ({ id: body, key: '', body })
  await queue.publishAll('work', [message('good'), message('poison')])
  await queue.publish('work', message('flaky'))
  await queue.append('changes', [message('one')])
  await assert.rejects(queue.publish('work', message('more'), { limit: 0 }))
  await until(async () => handled.length === 2 && (await queue.depth('work')) === 0)

  assert.deepEqual((await samples('messaging_client_sent_messages_total'))?.sort(), [
    `${of('changes')} 1`,
    `${of('work', ',error_type="overloaded"')} 1`,
    `${of('work')} 3`,
  ])
  assert.deepEqual(await samples('messaging_client_consumed_messages_total'), [`${of('work')} 4`])
  assert.deepEqual((await samples('messaging_process_duration_seconds_count'))?.sort(), [
    `${of('work', ',error_type="_OTHER"')} 1`,
    `${of('work', ',error_type="poison"')} 1`,
    `${of('work')} 2`,
  ])
  assert.deepEqual(await samples('quintet_dead_letters_total'), ['{queue="work"} 1'])
})
