import { fork } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { openDatabase } from '@quintet/chassis/database'
import { openKeyedQueue, queueMigrations } from '@quintet/chassis/queue'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { openQueueClock } from '../src/queue/sqlite/queue-clock.ts'
import type { ClockTable } from '../src/queue/sqlite/queue-clock.ts'
import { createGate, message } from './queue-contract/world.ts'
import { settableClock } from './settable-clock.ts'
import { createFileUrl, until } from './testing.ts'

const hourMs = 3_600_000
const startMs = Date.UTC(2030, 0, 1)

for (const [setting, ms] of [
  ['back', -hourMs],
  ['forward', hourMs],
] as const) {
  test(`sqlite: the pause before a retry has its length while the clock of the machine is set ${setting} by an hour`, async (t: TestContext) => {
    const clock = settableClock(t)
    const queue = await openKeyedQueue(createFileUrl(t))
    t.after(queue.close)
    const attemptedAt: number[] = []
    const handle = async () => {
      attemptedAt.push(performance.now())
      if (attemptedAt.length === 1) throw new Error('once')
    }
    queue.consume('work', handle, { backoffMs: () => 400 })
    await queue.publish('work', message('a'))
    await until(() => attemptedAt.length === 1)
    clock.setBy(ms)
    await until(() => attemptedAt.length === 2, 5_000)
    const [first = 0, second = 0] = attemptedAt
    t.assert.ok(second - first >= 399, `attempted again after ${second - first} ms`)
  })

  test(`sqlite: the lease of a process that was killed ends in its time while the clock is set ${setting} by an hour`, async (t: TestContext) => {
    const clock = settableClock(t)
    const url = createFileUrl(t)
    const queue = await openKeyedQueue(url)
    t.after(queue.close)
    await queue.publish('work', message('a'))
    const holder = fork(new URL('./queue-process.ts', import.meta.url), [url, 'work', '1000', 'hang'])
    await until(async () => (await queue.list('work'))[0]?.attempts === 1)
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    clock.setBy(ms)
    const attempts: number[] = []
    queue.consume('work', async ({ attempt }) => {
      attempts.push(attempt)
    })
    await until(() => attempts.length === 1, 5_000)
    t.assert.deepEqual(attempts, [2])
  })

  test(`sqlite: a message that is being handled is not delivered again when the clock is set ${setting} by an hour`, async (t: TestContext) => {
    const gate = createGate(t)
    const clock = settableClock(t)
    const queue = await openKeyedQueue(createFileUrl(t))
    t.after(queue.close)
    const handled: string[] = []
    const handle = async ({ id, attempt }: { id: string; attempt: number }) => {
      handled.push(`${id}${attempt}`)
      if (id === 'a') await gate.opened
    }
    const consumers = [1, 2].map(() => queue.consume('work', handle, { leaseMs: 3_000 }))
    await queue.publish('work', message('a', 'k'))
    await until(() => handled.length === 1)
    clock.setBy(ms)
    await queue.publish('work', message('b'))
    await until(() => handled.length >= 2)
    // Another process that has the file open polls every 25 ms.
    await pause(300)
    gate.open()
    await Promise.all(consumers.map(({ stop }) => stop()))
    t.assert.deepEqual(handled, ['a1', 'b1'])
    t.assert.equal(await queue.depth('work'), 0)
  })
}

test('sqlite: processes whose clocks differ read the same time of a queue, which goes on as the monotonic clock of the machine', async (t: TestContext) => {
  const world = await createWorld(t)
  const one = await world.open()
  t.assert.equal(one.now(), startMs)
  world.wall.advance(-hourMs)
  world.machine.advance(5_000)
  const other = await world.open()
  t.assert.deepEqual([one.now(), other.now()], [startMs + 5_000, startMs + 5_000])
  world.wall.advance(3 * hourMs)
  t.assert.equal((await world.open()).now(), startMs + 5_000)
})

test('sqlite: when the machine was restarted the time of a queue goes on from its clock, and does not go back where that is behind', async (t: TestContext) => {
  const world = await createWorld(t)
  await world.reach(startMs + 60_000)
  world.machine.set(20)
  world.wall.set(startMs + hourMs)
  t.assert.equal((await world.open()).now(), startMs + hourMs)
  await world.reach(startMs + hourMs + 60_000)
  world.machine.set(10)
  world.wall.set(0)
  t.assert.equal((await world.open()).now(), startMs + hourMs + 60_000)
})

test('sqlite: a time that was reached is noted once a second', async (t: TestContext) => {
  const world = await createWorld(t)
  const clock = await world.open()
  t.assert.equal(clock.note().length, 1)
  world.machine.advance(999)
  t.assert.equal(clock.note().length, 0)
  world.machine.advance(1)
  t.assert.equal(clock.note().length, 1)
})

/** A queue file on a machine whose clocks the test sets. */
async function createWorld(t: TestContext) {
  const database = await openDatabase<ClockTable>(createFileUrl(t), { migrations: queueMigrations })
  t.after(database.close)
  const wall = createManualClock(startMs)
  const machine = createManualClock(7_000_000)
  const open = () => openQueueClock(database, { wall, machine })
  return {
    wall,
    machine,
    open,
    /** Lets time pass until then, and notes it. */
    async reach(time: number) {
      const clock = await open()
      machine.advance(time - clock.now())
      await database.commit([...clock.note()])
    },
  }
}
