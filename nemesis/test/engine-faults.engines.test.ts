import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { engineUrl, until } from '@quintet/chassis/testing'
import { openSession } from '@quintet/chassis/testing/held-rows'
import { closeOf } from '@quintet/chassis/testing/sockets'
import { createClient } from '@redis/client'
import { connect as connectAmqp } from 'amqplib'
import {
  absentStandby,
  flushedRedis,
  lockedTable,
  swappedEngine,
  terminatedSessions,
} from '../faults/engine-faults.ts'
import { startFaultyEngine } from '../faults/faulty-engine.ts'

const withinMs = 10_000

for (const name of ['postgres', 'mysql'] as const) if (engineUrl(name) !== undefined) testDatabase(name)
if (engineUrl('amqp') !== undefined) testBroker()
if (engineUrl('redis') !== undefined) testRedis()

async function startEngine(t: TestContext, name: Parameters<typeof startFaultyEngine>[0]) {
  const faulty = await startFaultyEngine(name)
  t.after(() => faulty.close())
  return faulty
}

function testDatabase(name: 'postgres' | 'mysql'): void {
  test(`${name}: a locked table is neither read nor written until the fault ends, and sessions are terminated while it lasts`, async (t: TestContext) => {
    const faulty = await startEngine(t, name)
    const session = await openSession(faulty.url)
    await session.execute('create table note (id int primary key)')
    const lock = lockedTable(faulty.url, 'note')
    await lock.begin()
    let isRead = false
    const reading = session.execute('select id from note').then(() => {
      isRead = true
    })
    await (await openSession(faulty.url)).execute('select 1')
    t.assert.equal(isRead, false)
    await lock.end()
    await reading

    const termination = terminatedSessions(faulty)
    await termination.begin()
    await t.assert.rejects(session.execute('select 1'))
    const later = await openSession(faulty.url)
    await until(
      () =>
        later.execute('select 1').then(
          () => false,
          () => true,
        ),
      withinMs,
    )
    await termination.end()
    await (await openSession(faulty.url)).execute('select 1')
  })
}

if (engineUrl('postgres') !== undefined)
  test('postgres: while the standby is away a write waits, and it is made when the standby is back', async (t: TestContext) => {
    const faulty = await startEngine(t, 'postgres')
    const session = await openSession(faulty.url)
    await session.execute('create table note (id int primary key)')
    const away = absentStandby(faulty)
    for (const id of [1, 2]) {
      await away.begin()
      let isMade = false
      const writing = session.execute(`insert into note values (${id})`).then(() => {
        isMade = true
      })
      await (await openSession(faulty.url)).execute('select pg_sleep(0.3)')
      t.assert.equal(isMade, false)
      await away.end()
      await writing
    }
  })

function testBroker(): void {
  test('amqp: the broker closes connections while the fault lasts', async (t: TestContext) => {
    const faulty = await startEngine(t, 'amqp')
    const connection = await connectAmqp(faulty.url)
    const closed = Promise.withResolvers<string>()
    connection.on('close', (reason?: Error) => closed.resolve(String(reason)))
    const closing = terminatedSessions(faulty)
    await closing.begin()
    t.assert.match(await closed.promise, /320.*closed by the broker/)
    await closing.end()
    await (await connectAmqp(faulty.url)).close()
  })
}

function testRedis(): void {
  test('redis: it can be emptied, killed and restarted empty, and swapped for another one and back', async (t: TestContext) => {
    const [faulty, other] = [await startEngine(t, 'redis'), await startEngine(t, 'redis')]
    const read = async () => {
      const client = createClient({ url: faulty.url })
      client.on('error', () => {})
      await client.connect()
      const found = await client.get('key')
      await client.set('key', 'first')
      client.destroy()
      return found
    }
    await read()
    t.assert.equal(await read(), 'first')
    await flushedRedis(faulty).begin()
    t.assert.equal(await read(), null)

    await faulty.engine.kill()
    await faulty.engine.restart()
    t.assert.equal(await read(), null)

    const swap = swappedEngine(faulty, other.engine)
    const present = connect(faulty.proxy.port, '127.0.0.1')
    await once(present, 'connect')
    await swap.begin()
    await closeOf(present)
    t.assert.equal(await read(), null)
    await swap.end()
    t.assert.equal(await read(), 'first')
  })
}
