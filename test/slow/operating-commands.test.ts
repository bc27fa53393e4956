import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { readDatabase } from '@quintet/chassis/database'
import { openQueue, PoisonMessage } from '@quintet/chassis/queue'
import { until } from '@quintet/chassis/testing'
import { billingQueue } from '@quintet/contracts'
import { sql } from 'kysely'
import { dataFolder, root, run } from '../system/processes.ts'

const page = readFileSync(join(root, 'docs/operating.md'), 'utf8')
const [, block = ''] = /^## Queues$[\s\S]*?^```sh\n([\s\S]*?)^```$/m.exec(page) ?? []
const [, backup = ''] = /^## Storage$[\s\S]*?^```sh\n([\s\S]*?)^```$/m.exec(page) ?? []
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
  assert.match(stdout, /^1 message moved back to billing_queue\.$/m)
  assert.match(stdout, /^1 message removed from billing_queue\.$/m)
  assert.deepEqual(
    (await queue.list(billingQueue)).map((message) => message.id),
    ['poison'],
  )
})

test('The backup in docs/operating.md has the data of a running service, and only its owner can read it', {
  skip: spawnSync('sqlite3', ['-version']).status !== 0 && 'sqlite3 is not installed',
}, async (t) => {
  const folder = dataFolder(t)
  const DATA_DIR = join(folder, 'data')
  mkdirSync(DATA_DIR)
  await run(t, ['quintet.ts', 'start', 'guid'], { DATA_DIR }).address('guid')
  const { PATH = '' } = process.env
  await promisify(execFile)('bash', ['-e', '-c', backup], { cwd: folder, env: { PATH } })
  const file = join(folder, 'guid.bak')
  assert.equal(statSync(file).mode & 0o777, 0o600)
  const rows = await readDatabase(
    `sqlite:${file}`,
    async (query) => (await sql`select name from kysely_migration`.execute(query)).rows,
  )
  assert.ok(rows !== undefined && rows.length > 0)
})
