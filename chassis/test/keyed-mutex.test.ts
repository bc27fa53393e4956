import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { createKeyedMutex } from '@quintet/chassis/concurrency'
import { AppError } from '@quintet/chassis/errors'

test('work of one key runs one at a time in order of arrival, beside work of other keys', async (t: TestContext) => {
  const serialize = createKeyedMutex()
  const events: string[] = []
  const gates = new Map<string, () => void>()
  const start = (key: string, name: string) =>
    serialize(key, async () => {
      events.push(`${name} begins`)
      await new Promise<void>((resolve) => gates.set(name, resolve))
      events.push(`${name} ends`)
      return name
    })
  const results = Promise.all([start('x', 'x1'), start('x', 'x2'), start('y', 'y1')])
  await turn()
  t.assert.deepEqual(events, ['x1 begins', 'y1 begins'])
  gates.get('x1')?.()
  await turn()
  t.assert.deepEqual(events.slice(2), ['x1 ends', 'x2 begins'])
  gates.get('x2')?.()
  gates.get('y1')?.()
  t.assert.deepEqual(await results, ['x1', 'x2', 'y1'])
})

test('work that fails rejects with its own error, and the next of its key runs', async (t: TestContext) => {
  const serialize = createKeyedMutex()
  const failing = serialize('x', () => Promise.reject(new Error('broken')))
  const next = serialize('x', async () => 'done')
  await t.assert.rejects(failing, /broken/)
  t.assert.equal(await next, 'done')
})

test('more work for one key than may wait is rejected with overloaded, and other keys are not', async (t: TestContext) => {
  const serialize = createKeyedMutex()
  const outcomes = Promise.allSettled(Array.from({ length: 1_010 }, () => serialize('x', turn)))
  t.assert.equal(await serialize('y', async () => 'done'), 'done')
  const refused = (await outcomes).filter((outcome) => outcome.status === 'rejected')
  t.assert.equal(refused.length, 10)
  for (const { reason } of refused) t.assert.ok(reason instanceof AppError && reason.code === 'overloaded')
  t.assert.equal(await serialize('x', async () => 'done'), 'done')
})
