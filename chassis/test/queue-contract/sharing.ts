import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Delivery, Queue, UnkeyedMessage } from '@quintet/chassis/queue'
import { until } from '../testing.ts'
import { createGate, ids, isAppError, message, take } from './world.ts'
import type { CreateWorld, World } from './world.ts'

/** Consumers of one queue, in one process and in several. */
export function testSharing(createWorld: CreateWorld<Queue<UnkeyedMessage>>): void {
  test('two clients share the work, and each message is handled once', async (t: TestContext) => {
    const world = createWorld(t)
    const [one, two] = [await world.open(), await world.open()]
    const handled = { one: [] as string[], two: [] as string[] }
    const options = { prefetch: 8, concurrency: 4 }
    const handlerOf = (name: 'one' | 'two') => async (delivery: Delivery) => {
      handled[name].push(delivery.id)
      await turn()
    }
    one.consume('work', handlerOf('one'), options)
    two.consume('work', handlerOf('two'), options)
    await world.shared?.(2)
    await one.publishAll(
      'work',
      Array.from({ length: 500 }, (_, i) => message(`m${i}`)),
    )
    await until(async () => (await one.depth('work')) === 0)
    t.assert.equal(handled.one.length + handled.two.length, 500)
    t.assert.equal(new Set([...handled.one, ...handled.two]).size, 500)
    t.assert.ok(handled.one.length > 0 && handled.two.length > 0)
  })

  test('two processes share the work, and each message is handled once', async (t: TestContext) => {
    const world = createWorld(t)
    const queue = await world.open()
    const counts = new Map<string, number>()
    const shares = [0, 0]
    const children = [startConsumer(t, world, 10_000), startConsumer(t, world, 10_000)]
    children.forEach((child, index) => {
      child.on('message', (report: Report) => {
        if (report === 'ready') return
        counts.set(report.id, (counts.get(report.id) ?? 0) + 1)
        shares[index] = (shares[index] ?? 0) + 1
      })
    })
    await Promise.all(children.map((child) => once(child, 'message')))
    await world.shared?.(2)
    // On a busy machine one process may handle everything before the other gets the processor.
    for (let count = 0; count < 1_000 || (count < 20_000 && shares.includes(0)); ) {
      for (const end = count + 1_000; count < end; count += 100) {
        const first = count
        await queue.publishAll(
          'work',
          Array.from({ length: 100 }, (_, j) => message(`m${first + j}`)),
        )
      }
      await until(async () => counts.size === count && (await queue.depth('work')) === 0)
    }
    t.assert.ok([...counts.values()].every((count) => count === 1))
    t.assert.ok(
      shares.every((share) => share > 0),
      `shares of the processes: ${shares}`,
    )
  })
}

export function testAttemptsAcrossProcesses(createWorld: CreateWorld<Queue>): void {
  test('a message goes to another consumer when the process of its first one is killed before the acknowledgement', async (t: TestContext) => {
    const world = createWorld(t)
    const queue = await world.open()
    await queue.publishAll('work', [message('a', 'k'), message('b', 'k')])
    await queue.close()
    const child = startConsumer(t, world, 300, 'hang')
    const effects: Report[] = []
    child.on('message', (report: Report) => effects.push(report))
    await until(() => effects.some((report) => report !== 'ready'))
    child.kill('SIGKILL')
    await once(child, 'exit')
    const survivor = startConsumer(t, world, 300)
    survivor.on('message', (report: Report) => effects.push(report))
    await until(() => effects.some((report) => report !== 'ready' && report.id === 'b'))
    t.assert.deepEqual(
      effects.filter((report) => report !== 'ready'),
      [
        { id: 'a', attempt: 1 },
        { id: 'a', attempt: 2 },
        { id: 'b', attempt: 1 },
      ],
    )
  })
}

export function testStopping(createWorld: CreateWorld<Queue<UnkeyedMessage>>): void {
  test('stopping a consumer waits for its running handlers and returns the other messages to the queue', async (t: TestContext) => {
    const gate = createGate(t)
    const queue = await createWorld(t).open()
    await queue.publishAll(
      'work',
      Array.from({ length: 10 }, (_, i) => message(`m${i}`)),
    )
    const begun: string[] = []
    const handle = async ({ id }: Delivery) => {
      begun.push(id)
      await gate.opened
    }
    const consumer = queue.consume('work', handle, { concurrency: 2 })
    await until(() => begun.length === 2)
    let stopped = false
    const stopping = consumer.stop().then(() => {
      stopped = true
    })
    await queue.publish('work', message('late'))
    t.assert.equal(stopped, false)
    gate.open()
    await stopping
    t.assert.equal(begun.length, 2)
    await until(async () => (await queue.depth('work')) === 9)
    const rest = await take(queue, 9)
    t.assert.ok(rest.every(({ attempt }) => attempt === 1))
    t.assert.equal(new Set([...begun, ...ids(rest)]).size, 11)
  })

  test('closing stops the consumers, and may be repeated', async (t: TestContext) => {
    const world = createWorld(t)
    const queue = await world.open()
    await queue.publishAll(
      'work',
      Array.from({ length: 100 }, (_, i) => message(`m${i}`)),
    )
    const handled: string[] = []
    const handle = async ({ id }: Delivery) => {
      await turn()
      handled.push(id)
    }
    const consumer = queue.consume('work', handle, { concurrency: 4 })
    await until(() => handled.length > 0)
    await Promise.all([queue.close(), consumer.stop(), queue.close()])
    const again = await world.open()
    await until(async () => (await again.depth('work')) + handled.length === 100)
  })

  test('a closed queue rejects publications and pings', async (t: TestContext) => {
    const queue = await createWorld(t).open()
    await queue.ping()
    await queue.close()
    await t.assert.rejects(queue.publish('work', message('a')), isAppError('dependency_down'))
    await t.assert.rejects(queue.ping(), isAppError('dependency_down'))
  })
}

type Report = 'ready' | { id: string; attempt: number }

function startConsumer(
  t: TestContext,
  world: World<Queue<UnkeyedMessage>>,
  leaseMs: number,
  hang = '',
): ChildProcess {
  const name = world.nameOf?.('work') ?? 'work'
  const child = fork(new URL('../queue-process.ts', import.meta.url), [
    world.url,
    name,
    String(leaseMs),
    hang,
  ])
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    if (child.connected) child.disconnect()
    await exited
  })
  return child
}
