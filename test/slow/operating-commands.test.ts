import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { openQueue, PoisonMessage } from '@quintet/chassis/queue'
import { until } from '@quintet/chassis/testing'
import { billingQueue } from '@quintet/contracts'
import { call, dataFolder, root, run } from '../system/processes.ts'

const page = readFileSync(join(root, 'docs/operating.md'), 'utf8')
const [, block = ''] = /^## Queues$[\s\S]*?^```sh\n([\s\S]*?)^```$/m.exec(page) ?? []
const [, backup = '', drill = ''] =
  /^### Backup and restore$[\s\S]*?^```sh\n([\s\S]*?)^```$[\s\S]*?^```sh\n([\s\S]*?)^```$/m.exec(page) ?? []
const [documentedId = ''] = /[0-9a-f-]{36}/.exec(block) ?? []

test('The commands for queues in docs/operating.md show, replay and drop the messages of billing', async (t) => {
  const folder = dataFolder(t)
  const queue = await openQueue(`sqlite:${join(folder, 'queue.db')}`)
  t.after(() => queue.close())
  await queue.publish(billingQueue, { id: 'poison', key: '', body: 'no order' })
  const consumer = queue.consume(billingQueue, async () => {
    throw new PoisonMessage('it is no order')
  })
  await until(async () => (await queue.depth(`${billingQueue}.dead`)) === 1)
  await consumer.stop()
  const id = randomUUID()
  await queue.publish(billingQueue, { id, key: '', body: '{}' })
  const { PATH = '', HOME = '' } = process.env
  const { stdout } = await promisify(execFile)('bash', ['-e', '-c', block.replace(documentedId, id)], {
    cwd: root,
    env: { PATH, HOME, DATA_DIR: folder },
  })
  assert.match(stdout, /^billing_queue +1 /m)
  assert.match(stdout, /reason +it is no order/)
  assert.match(stdout, /^ +1 .* it is no order$/m)
  assert.match(stdout, /^1 message moved back to billing_queue\.\n1 put back: 1 still waiting$/m)
  assert.match(stdout, /^1 message removed from billing_queue\.$/m)
  assert.deepEqual(
    (await queue.list(billingQueue)).map((message) => message.id),
    ['poison'],
  )
})

test('The commands in docs/operating.md back up a service that runs, and start on what they restore elsewhere', async (t) => {
  const folder = dataFolder(t)
  const DATA_DIR = join(folder, 'data')
  const guid = await run(t, ['quintet.ts', 'start', 'guid'], { DATA_DIR }).address('guid')
  const { guid: id } = Object((await call('POST', `${guid}/guid`, { user: 'ada' }))?.body)
  const { PATH = '', HOME = '' } = process.env
  const inFolder = (text: string) => text.replaceAll(/\/(backups|tmp)\//g, `${folder}/`)
  await promisify(execFile)('bash', ['-e', '-c', inFolder(backup)], {
    cwd: root,
    env: { PATH, HOME, DATA_DIR },
  })
  // The shell is replaced by the services, so that they end with it.
  const starting = inFolder(drill).replace('npm start', `exec ${process.execPath} quintet.ts start`)
  // What the running system could have, and the drill must not use.
  const settings = { GUID_DATABASE_URL: 'postgres://ada@127.0.0.1:1/guid_db', GUID_URL: 'http://127.0.0.1:1' }
  const restored = run(t, ['-e', '-c', starting], { HOME, ...settings }, root, 'bash')
  const gateway = await restored.address('gateway')
  assert.equal(Object((await call('GET', `${gateway}/guid/${id}`))?.body).user, 'ada')
})
