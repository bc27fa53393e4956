import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { systemClock } from '@quintet/chassis/clock'
import type { Clock } from '@quintet/chassis/clock'
import { migrateDatabase, openDatabase } from '@quintet/chassis/database'
import type { Database, Statement } from '@quintet/chassis/database'
import { AppError } from '@quintet/chassis/errors'
import { createRelay, createSqlOutbox, exportOutboxMetrics, outboxStatement } from '@quintet/chassis/outbox'
import { openStreamQueue } from '@quintet/chassis/queue'
import type { OutboxMessage, OutboxTable } from '@quintet/chassis/outbox'
import type { Queue, WorkQueue } from '@quintet/chassis/queue'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { sql } from 'kysely'
import { migrations } from './database-world.ts'
import type { CreateDatabaseUrl } from './database-world.ts'
import { createMetrics } from '@quintet/chassis/telemetry'
import { createGate, ids, take } from './queue-contract/world.ts'
import { settableClock } from './settable-clock.ts'
import { until } from './testing.ts'

type Tables = OutboxTable & { account: { id: string; balance: number } }
type Publishing = Pick<WorkQueue, 'publishAll'>

const startMs = Date.UTC(2030, 0, 1)
const hourMs = 3_600_000

/** The contract of the relay over the outbox of a SQL database. */
export function testOutbox(name: string, createUrl: CreateDatabaseUrl): void {
  const createWorld: CreateWorld = (t, clock) => createWorldOn(createUrl(t), t, clock)

  describe(`outbox contract: ${name}`, () => {
    testPublication(createWorld)
    testFullQueues(createWorld)
    testRelays(createWorld)
    testSuspendedRelays(createWorld)
    testClocks(createWorld)
    testBacklog(createWorld)
  })
}

type CreateWorld = (t: TestContext, clock?: Clock) => ReturnType<typeof createWorldOn>

function testPublication(createWorld: CreateWorld): void {
  test('committed messages are published with key and body, and removed from the outbox', async (t: TestContext) => {
    const world = await createWorld(t)
    const relay = world.relay()
    await world.commit([row('work', 'a', { key: 'k', id: 'given' }), row('other', 'b')])
    relay.wake()
    await until(async () => (await relay.backlog()).rows === 0)
    t.assert.deepEqual(await take(world.queue, 1), [{ id: 'given', key: 'k', body: 'a', attempt: 1 }])
    const [other] = await take(world.queue, 1, 'other')
    t.assert.equal(other?.body, 'b')
  })

  test('a message is published if its unit was committed, and only then', async (t: TestContext) => {
    const world = await createWorld(t)
    const relay = world.relay()
    const open = (id: string, balance: number) =>
      world.database.query.insertInto('account').values({ id, balance }).compile()
    await world.database.commit([open('one', 1), world.statement(row('work', 'one'))])
    await t.assert.rejects(world.database.commit([world.statement(row('work', 'two')), open('two', -1)]))
    const refusing: Statement = {
      ...world.database.query.updateTable('account').set({ balance: 2 }).where('id', '=', 'nobody').compile(),
      mustAffectRows: true,
    }
    await world.database.commit([world.statement(row('work', 'three')), refusing])
    relay.wake()
    await until(async () => (await relay.backlog()).rows === 0)
    t.assert.deepEqual(await bodiesOf(world.queue, 'work'), ['one'])
  })

  test('rows are found without waking the relay', async (t: TestContext) => {
    const world = await createWorld(t)
    await world.commit([row('work', 'left by a crash')])
    world.relay()
    await until(async () => (await world.queue.depth('work')) === 1)
  })

  test('rows reach their queue in the order of their commits, whatever the size of a batch', async (t: TestContext) => {
    const world = await createWorld(t)
    const sent = Array.from({ length: 500 }, (_, i) => row('work', `${i}`, { key: `k${i % 7}` }))
    await world.commit(sent)
    const relay = world.relay({ batchMax: 33 })
    relay.wake()
    await until(async () => (await relay.backlog()).rows === 0)
    t.assert.deepEqual(
      await bodiesOf(world.queue, 'work'),
      sent.map(({ body }) => body),
    )
  })

  test('messages for a stream are appended to it with its options', async (t: TestContext) => {
    const world = await createWorld(t)
    await world.commit(Array.from({ length: 20 }, (_, i) => row('log', `${i}`)))
    const append = (messages: Messages) => world.queue.append('log', messages, { keptMax: 5 })
    const relay = world.relay({ streams: { log: append }, batchMax: 5 })
    relay.wake()
    await until(async () => (await relay.backlog()).rows === 0)
    const kept = await world.queue.readStream('log')
    t.assert.deepEqual(
      kept.map(({ body }) => body),
      ['15', '16', '17', '18', '19'],
    )
    t.assert.equal(await world.queue.depth('log'), 0)
  })

  test('message ids of two databases never collide', async (t: TestContext) => {
    const [one, two] = [await createWorld(t), await createWorld(t)]
    const made: string[] = []
    for (const world of [one, two]) {
      const relay = world.relay()
      await world.commit([row('work', 'a'), row('work', 'b')])
      relay.wake()
      await until(async () => (await relay.backlog()).rows === 0)
      made.push(...ids(await world.queue.list('work')))
    }
    t.assert.equal(new Set(made).size, 4)
  })
}

function testFullQueues(createWorld: CreateWorld): void {
  test('while the queue is down rows stay, the relay backs off, and nothing is lost', async (t: TestContext) => {
    const world = await createWorld(t)
    let down = true
    let attempts = 0
    const relay = world.relay({
      queue: {
        ...world.queue,
        async publishAll(...published) {
          attempts += 1
          if (down) throw new AppError('dependency_down', 'The queue is down.')
          await world.queue.publishAll(...published)
        },
      },
    })
    await world.commit([row('work', 'a'), row('work', 'b')])
    for (let expected = 1; expected <= 6; expected += 1) {
      await until(() => {
        relay.wake()
        return attempts === expected
      })
      await world.settle(relay)
      t.assert.equal(attempts, expected, 'an early attempt')
      const halfMs = Math.min(250, 50 * 2 ** (expected - 1))
      world.clock.advance(halfMs - 1)
      await world.settle(relay)
      t.assert.equal(attempts, expected, 'an attempt before half of the pause')
      world.clock.advance(halfMs + 1)
    }
    t.assert.equal((await relay.backlog()).rows, 2)
    down = false
    relay.wake()
    await until(async () => (await relay.backlog()).rows === 0)
    t.assert.deepEqual(await bodiesOf(world.queue, 'work'), ['a', 'b'])
  })

  test('a queue with little room gets small batches, and does not delay another queue', async (t: TestContext) => {
    const world = await createWorld(t)
    const sent = Array.from({ length: 100 }, (_, i) => row('work', `${i}`, { key: 'k' }))
    await world.commit([...sent, row('other', 'free')])
    const full = {
      ...world.queue,
      publishAll: (name: string, messages: Messages) => world.queue.publishAll(name, messages, { limit: 10 }),
    }
    const relay = world.relay({ queue: full })
    relay.wake()
    await until(async () => (await world.queue.depth('other')) === 1)
    const handled: string[] = []
    const consumer = world.queue.consume('work', async ({ body }) => {
      handled.push(body)
    })
    await until(() => {
      world.clock.advance(10_000)
      relay.wake()
      return handled.length === 100
    })
    await consumer.stop()
    t.assert.deepEqual(
      handled,
      sent.map(({ body }) => body),
    )
  })
}

function testRelays(createWorld: CreateWorld): void {
  test('a relay that is killed between publishing and removing publishes again under the same ids', async (t: TestContext) => {
    const world = await createWorld(t, systemClock)
    await world.commit([row('work', 'a'), row('work', 'b')])
    const leaseMs = 200
    const victim = fork(new URL('./outbox-process.ts', import.meta.url), [
      world.databaseUrl,
      world.queueUrl,
      String(leaseMs),
    ])
    const [, signal] = await once(victim, 'exit')
    t.assert.equal(signal, 'SIGKILL')
    const published = await world.queue.list('work')
    t.assert.equal(published.length, 2)
    const again: string[] = []
    const relay = world.relay({
      leaseMs,
      queue: {
        ...world.queue,
        async publishAll(name, messages) {
          again.push(...ids(messages))
          await world.queue.publishAll(name, messages)
        },
      },
    })
    await until(async () => (await relay.backlog()).rows === 0)
    t.assert.deepEqual(again, ids(published))
    t.assert.deepEqual(await bodiesOf(world.queue, 'work'), ['a', 'b'])
  })

  test('of two relays over one database one is active at a time, and each row is published once', async (t: TestContext) => {
    const world = await createWorld(t)
    const other = await world.openDatabase()
    let working = 0
    const published: string[] = []
    const watched: Publishing = {
      ...world.queue,
      async publishAll(name, messages) {
        working += 1
        t.assert.equal(working, 1)
        await world.queue.publishAll(name, messages)
        published.push(...messages.map(({ body }) => body))
        working -= 1
      },
    }
    const relays = [world.relay({ queue: watched }), world.relay({ queue: watched, database: other })]
    for (let i = 0; i < 100; i += 1) {
      await (i % 2 === 0 ? world.database : other).commit([world.statement(row('work', `${i}`))])
      relays[i % 2]?.wake()
    }
    await until(async () => (await world.queue.depth('work')) === 100)
    await Promise.all(relays.map((relay) => relay.stop()))
    t.assert.deepEqual(
      published,
      Array.from({ length: 100 }, (_, i) => `${i}`),
    )
  })
}

function testSuspendedRelays(createWorld: CreateWorld): void {
  test('another relay takes over when the lease of a suspended one expires', async (t: TestContext) => {
    const frozen = createGate(t)
    const world = await createWorld(t)
    let reached = false
    const first = world.relay({
      queue: {
        ...world.queue,
        async publishAll() {
          reached = true
          await frozen.opened
          throw new AppError('dependency_down', 'It woke up too late.')
        },
      },
    })
    await world.commit([row('work', 'a')])
    first.wake()
    await until(() => reached)
    const second = world.relay({ database: await world.openDatabase() })
    world.clock.advance(9_999)
    await world.settle(second)
    t.assert.equal(await world.queue.depth('work'), 0)
    world.clock.advance(1)
    second.wake()
    await until(async () => (await second.backlog()).rows === 0)
    t.assert.equal(await world.queue.depth('work'), 1)
    frozen.open()
  })

  test('stopping waits for the publications in flight and leaves the other rows in the outbox', async (t: TestContext) => {
    const gate = createGate(t)
    const world = await createWorld(t)
    let reached = false
    const relay = world.relay({
      batchMax: 2,
      queue: {
        ...world.queue,
        async publishAll(name, messages) {
          reached = true
          await gate.opened
          await world.queue.publishAll(name, messages)
        },
      },
    })
    await world.commit(['a', 'b', 'c', 'd', 'e'].map((body) => row('work', body)))
    relay.wake()
    await until(() => reached)
    const stopping = relay.stop()
    gate.open()
    await stopping
    t.assert.deepEqual(await bodiesOf(world.queue, 'work'), ['a', 'b'])
    t.assert.equal((await relay.backlog()).rows, 3)
    const next = world.relay()
    next.wake()
    await until(async () => (await next.backlog()).rows === 0)
    t.assert.deepEqual(await bodiesOf(world.queue, 'work'), ['a', 'b', 'c', 'd', 'e'])
  })
}

function testClocks(createWorld: CreateWorld): void {
  for (const [setting, ms] of [
    ['back', -hourMs],
    ['forward', hourMs],
  ] as const)
    test(`a relay whose clock is set ${setting} by an hour while a queue is down publishes soon after its return`, async (t: TestContext) => {
      const clock = settableClock(t)
      const world = await createWorld(t, systemClock)
      let attempts = 0
      const relay = world.relay({
        queue: {
          async publishAll(...published) {
            attempts += 1
            if (attempts <= 4) throw new AppError('dependency_down', 'The queue is down.')
            await world.queue.publishAll(...published)
          },
        },
      })
      await world.commit([row('work', 'a')])
      relay.wake()
      await until(() => attempts === 4)
      // By now it pauses, for 200 ms at least.
      await pause(100)
      clock.setBy(ms)
      await until(async () => (await world.queue.depth('work')) === 1, 5_000)
    })

  test('a relay whose clock is an hour ahead does not take over from one that is active', async (t: TestContext) => {
    const gate = createGate(t)
    const clock = settableClock(t)
    const world = await createWorld(t, systemClock)
    let publications = 0
    const counting: Publishing = {
      async publishAll(...published) {
        publications += 1
        await gate.opened
        await world.queue.publishAll(...published)
      },
    }
    const first = world.relay({ queue: counting })
    await world.commit([row('work', 'a')])
    first.wake()
    await until(() => publications === 1)
    clock.setBy(hourMs)
    const second = world.relay({ queue: counting, database: await world.openDatabase() })
    await world.settle(second)
    t.assert.equal(publications, 1)
    gate.open()
    await until(async () => (await first.backlog()).rows === 0)
  })

  test('a lease from before the clock of the database was set back has expired', async (t: TestContext) => {
    const world = await createWorld(t, systemClock)
    const lease = { holder: 'gone', lease_until: Date.now() + hourMs }
    await world.database.commit([world.database.query.updateTable('outbox_relay').set(lease).compile()])
    await world.commit([row('work', 'a')])
    world.relay().wake()
    await until(async () => (await world.queue.depth('work')) === 1, 5_000)
  })
}

function testBacklog(createWorld: CreateWorld): void {
  test('the backlog is the number of rows and the age of the oldest', async (t: TestContext) => {
    const world = await createWorld(t)
    const relay = world.relay({
      queue: { ...world.queue, publishAll: () => Promise.reject(new Error('never')) },
    })
    t.assert.deepEqual(await relay.backlog(), { rows: 0, oldestAgeMs: 0 })
    await world.commit([row('work', 'a')])
    world.clock.advance(1500)
    await world.commit([row('work', 'b')])
    t.assert.deepEqual(await relay.backlog(), { rows: 2, oldestAgeMs: 1500 })
  })

  test('the gauges have the backlog and the age of its oldest row, and are absent while the database is away', async (t: TestContext) => {
    const world = await createWorld(t)
    const relay = world.relay({ queue: { publishAll: () => Promise.reject(new Error('never')) } })
    const { registry } = createMetrics()
    exportOutboxMetrics(registry, relay)
    const gauges = async () => {
      const text = await registry.metrics()
      return /^quintet_outbox_messages (\w+)$.*^quintet_outbox_oldest_age_seconds (\S+)$/ms
        .exec(text)
        ?.slice(1)
    }
    t.assert.deepEqual(await gauges(), ['0', '0'])
    await world.commit([row('work', 'a'), row('work', 'b')])
    world.clock.advance(1_500)
    t.assert.deepEqual(await gauges(), ['2', '1.5'])
    await relay.stop()
    await world.database.close()
    t.assert.doesNotMatch(await registry.metrics(), /^quintet_outbox/m)
  })

  test('messages of units that ran as one batch are published in order, each under an id of its own', async (t: TestContext) => {
    const world = await createWorld(t)
    const sent = Array.from({ length: 300 }, (_, i) =>
      row('work', `${i} "quoted" \\ {ünd}`, { key: `k${i % 7}, "` }),
    )
    await Promise.all(sent.map((message) => world.commit([message])))
    const relay = world.relay({ batchMax: 33 })
    relay.wake()
    await until(async () => (await relay.backlog()).rows === 0)
    const published = await world.queue.list('work', { limit: 1000 })
    t.assert.deepEqual(
      published.map(({ key, body }) => ({ key, body })),
      sent.map(({ key, body }) => ({ key, body })),
    )
    t.assert.equal(new Set(ids(published)).size, sent.length)
  })
}

type Messages = Parameters<WorkQueue['publishAll']>[1]
type RelayOptions = Partial<Parameters<typeof createRelay>[0]> & { database?: Database<Tables> }

type Row = Omit<OutboxMessage, 'createdAt'> & { queue: string }

function row(queue: string, body: string, more: { key?: string; id?: string } = {}): Row {
  return { queue, key: '', body, ...more }
}

async function bodiesOf(queue: Queue, name: string): Promise<string[]> {
  return (await queue.list(name, { limit: 1000 })).map(({ body }) => body)
}

async function createWorldOn(databaseUrl: string, t: TestContext, testClock?: Clock) {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-outbox-'))
  const queueUrl = `sqlite:${join(folder, 'queue.db')}`
  const clock = createManualClock(startMs)
  const used = testClock ?? clock
  const closing: (() => Promise<void>)[] = []
  t.after(async () => {
    for (const close of closing.reverse()) await close()
    rmSync(folder, { recursive: true })
  })

  async function openOutbox(): Promise<Database<Tables>> {
    const opened = await openDatabase<Tables>(databaseUrl, { migrations })
    closing.push(opened.close)
    return opened
  }

  // An embedded database migrates itself.
  if (!databaseUrl.startsWith('sqlite:')) await migrateDatabase(databaseUrl, { migrations }, 'up')
  const database = await openOutbox()
  const queue = await openStreamQueue(queueUrl, { clock: used })
  closing.push(queue.close)
  const statement = ({ queue: name, ...message }: Row) =>
    outboxStatement(database.query, name)({ ...message, createdAt: used.now() })
  return {
    databaseUrl,
    queueUrl,
    clock,
    database,
    queue,
    statement,
    openDatabase: openOutbox,
    commit: (messages: readonly Row[]) => database.commit(messages.map(statement)),
    relay({ database: own = database, ...options }: RelayOptions = {}) {
      const relay = createRelay({ outbox: createSqlOutbox(own), queue, clock: used, ...options })
      closing.push(relay.stop)
      return relay
    },
    /** Wakes the relay several times, so that it would have published what it may. */
    async settle(relay: { wake(): void }) {
      for (let i = 0; i < 5; i += 1) {
        relay.wake()
        await new Promise((resolve) => setTimeout(resolve, 10))
        await database.query.selectFrom('outbox').select(sql`1`.as('one')).execute()
      }
    },
  }
}
