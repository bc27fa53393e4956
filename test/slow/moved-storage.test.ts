import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openOnceQueue, openStreamQueue } from '@quintet/chassis/queue'
import { until } from '@quintet/chassis/testing'
import { call, dataFolder, run } from '../system/processes.ts'

/** Nothing listens there, which the commands and services can do without. */
const rabbitmq = 'amqp://ada:hidden@127.0.0.1:1'
const kafka = 'kafka://127.0.0.1:1'

/** The queue of a service, its setting, and a value of that which names another place. */
const moves = [
  {
    service: 'billing',
    queue: 'billing_queue',
    setting: 'QUEUE_URL',
    elsewhere: rabbitmq,
  },
  {
    service: 'guid',
    queue: 'guid.commands',
    setting: 'EVENTS_URL',
    elsewhere: kafka,
  },
  {
    service: 'certificates',
    queue: 'certificates.notifications',
    setting: 'CERTIFICATES_QUEUE_URL',
    elsewhere: 'sqlite:FOLDER/other.db',
  },
] as const

/** A data folder whose queue file has two messages of the queue and one dead letter. */
async function folderWithMessages(t: TestContext, queue: string) {
  const folder = dataFolder(t)
  const DATA_DIR = join(folder, 'data')
  mkdirSync(DATA_DIR)
  const file = `sqlite:${DATA_DIR}/queue.db`
  const storage = await openOnceQueue(file)
  for (const [name, id] of [
    [queue, 'one'],
    [queue, 'two'],
    [`${queue}.dead`, 'three'],
  ] as const)
    await storage.publish(name, { id, key: '', body: 'kept' })
  await storage.close()
  return { DATA_DIR, folder, file }
}

async function quintet(t: TestContext, words: readonly string[], environment: Record<string, string>) {
  const command = run(t, ['quintet.ts', ...words], environment)
  await once(command.child, 'close')
  return { code: command.child.exitCode, output: command.output() }
}

for (const { service, queue, setting, elsewhere } of moves)
  test(`Messages that wait in the embedded ${queue} are reported once ${setting} is ${elsewhere}, and commands are for the new queue`, async (t) => {
    const { DATA_DIR, folder, file } = await folderWithMessages(t, queue)
    const moved = { DATA_DIR, [setting]: elsewhere.replace('FOLDER', folder) }
    const left = `2 messages of ${queue} and 1 message of ${queue}.dead wait in ${DATA_DIR}/queue.db, but ${setting} names another queue, so nothing reads them. Run ${service} with ${setting}=${file} until`
    await Promise.all([
      ...[
        ['queue', 'list'],
        ['doctor', service],
      ].map(async (words) => {
        const { output } = await quintet(t, words, moved)
        assert.ok(output.includes(left), output)
        assert.doesNotMatch(output, new RegExp(`^${queue}(\\.dead)? +[12] `, 'm'))
      }),
      ...[
        ['show', queue],
        ['replay', `${queue}.dead`, 'all'],
        ['drop', queue, 'all'],
        ['drop', `${queue}.dead`, 'three'],
      ].map(async (words) => {
        const { output } = await quintet(t, ['queue', ...words], moved)
        assert.doesNotMatch(output, /kept|[123] messages? |three {2}/)
      }),
    ])
    const { output } = await quintet(t, ['queue', 'list'], { DATA_DIR })
    assert.match(output, new RegExp(`^${queue} +2 `, 'm'))
    assert.match(output, new RegExp(`^${queue}\\.dead +1 `, 'm'))
    assert.doesNotMatch(output, /names another queue/)
  })

for (const words of [['quintet.ts', 'start', 'billing'], ['services/billing/src/main.ts']])
  test(`A start by ${words.join(' ')} logs which messages wait in a queue that is not used`, async (t) => {
    const { DATA_DIR } = await folderWithMessages(t, 'billing_queue')
    const started = run(t, words, { DATA_DIR, QUEUE_URL: 'sqlite::memory:' })
    await started.address('billing')
    await until(() => started.output().includes('"level":"warn"'))
    assert.match(started.output(), /2 messages of billing_queue and 1 message of billing_queue\.dead wait in/)
  })

test('Events in an embedded file are reported once EVENTS_URL names another one, by commands and at a start', async (t) => {
  const folder = dataFolder(t)
  const DATA_DIR = join(folder, 'data')
  mkdirSync(DATA_DIR)
  const file = `sqlite:${DATA_DIR}/queue.db`
  const storage = await openStreamQueue(file)
  const events = ['one', 'two'].map((id) => ({ id, key: '', body: '{}' }))
  await storage.append('guid.events', events)
  await storage.append('other.events', events)
  await storage.close()
  const moved = { DATA_DIR, EVENTS_URL: `sqlite:${folder}/other.db` }
  const left = `2 events of guid.events are in ${DATA_DIR}/queue.db, but EVENTS_URL names another queue, so no client gets them. quintet events with EVENTS_URL=${file} prints them`
  for (const words of [
    ['queue', 'list'],
    ['doctor', 'guid'],
  ]) {
    const { output } = await quintet(t, words, moved)
    assert.ok(output.includes(left), output)
  }
  const started = run(t, ['services/guid/src/main.ts'], moved)
  await started.address('guid')
  await until(() => started.output().includes(left))
  const { output } = await quintet(t, ['doctor', 'guid'], { DATA_DIR })
  assert.doesNotMatch(output, /names another queue/)
})

test('A database that a setting does not name any more is reported while it has rows, and not before', async (t) => {
  const folder = dataFolder(t)
  const DATA_DIR = join(folder, 'data')
  const inventory = run(t, ['quintet.ts', 'start', 'inventory'], { DATA_DIR })
  const address = await inventory.address('inventory')
  const moved = { DATA_DIR, INVENTORY_DATABASE_URL: `sqlite:${folder}/moved/movies.db` }
  const reported = async () => (await quintet(t, ['doctor', 'inventory'], moved)).output.includes('has rows')
  assert.equal(await reported(), false)
  await call('POST', `${address}/api/movies`, { title: 'left', description: '' })
  assert.equal(await inventory.kill('SIGTERM'), 0)
  assert.equal(await reported(), true)
  const again = run(t, ['quintet.ts', 'start', 'inventory'], moved)
  await again.address('inventory')
  await until(() => again.output().includes('"level":"warn"'))
  assert.match(
    again.output(),
    /inventory\.db has rows of inventory in movies, but INVENTORY_DATABASE_URL names another database/,
  )
  const { output } = await quintet(t, ['backup', join(folder, 'backup')], moved)
  assert.match(output, /inventory\.db has rows of inventory in movies, but/)
  assert.deepEqual(
    readdirSync(join(folder, 'backup')).filter((name) => name.endsWith('.db')),
    ['movies.db'],
  )
})

test('No fresh database counts as one that was left behind', async (t) => {
  const folder = dataFolder(t)
  const DATA_DIR = join(folder, 'data')
  assert.equal((await quintet(t, ['migrate', 'up'], { DATA_DIR })).code, 0)
  const names = ['GUID', 'BROKERAGE', 'CERTIFICATES', 'INVENTORY', 'BILLING']
  const moved = names.map((name) => [`${name}_DATABASE_URL`, `sqlite:${folder}/${name}.db`])
  const { code, output } = await quintet(t, ['doctor'], { DATA_DIR, ...Object.fromEntries(moved) })
  assert.equal(code, 0)
  assert.doesNotMatch(output, /weak|BROKEN/)
})
