import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { createLimiter } from '@quintet/chassis/concurrency'
import { AppError } from '@quintet/chassis/errors'

/** Work that runs until the test ends it. */
function createWorld(limits: { concurrencyMax: number; waitingMax: number }) {
  const limiter = createLimiter({ ...limits, refusal: 'Too many.' })
  const running = new Map<string, PromiseWithResolvers<string>>()
  const start = (name: string) =>
    limiter(() => {
      const work = Promise.withResolvers<string>()
      running.set(name, work)
      return work.promise.finally(() => running.delete(name))
    })
  const end = async (name: string, error?: Error) => {
    const work = running.get(name)
    if (error === undefined) work?.resolve(`result of ${name}`)
    else work?.reject(error)
    await turn()
  }
  return { start, end, running: () => [...running.keys()] }
}

test('no more work runs at a time than the limit, and the rest follows in order of arrival', async (t: TestContext) => {
  const { start, end, running } = createWorld({ concurrencyMax: 2, waitingMax: 10 })
  const results = Promise.all(['a', 'b', 'c', 'd'].map(start))
  await turn()
  t.assert.deepEqual(running(), ['a', 'b'])
  await end('b')
  t.assert.deepEqual(running(), ['a', 'c'])
  await end('a')
  t.assert.deepEqual(running(), ['c', 'd'])
  await end('d')
  await end('c')
  t.assert.deepEqual(
    await results,
    ['a', 'b', 'c', 'd'].map((name) => `result of ${name}`),
  )
})

test('work that does not fit into the line is rejected with overloaded and the given text', async (t: TestContext) => {
  const { start, end, running } = createWorld({ concurrencyMax: 1, waitingMax: 1 })
  const [first, second] = [start('a'), start('b')]
  await t.assert.rejects(start('c'), (error: unknown) => {
    t.assert.ok(error instanceof AppError)
    t.assert.deepEqual([error.code, error.message], ['overloaded', 'Too many.'])
    return true
  })
  await turn()
  await end('a')
  t.assert.deepEqual(running(), ['b'])
  await end('b')
  await Promise.all([first, second])
})

test('work that fails rejects with its own error and frees its slot', async (t: TestContext) => {
  const { start, end, running } = createWorld({ concurrencyMax: 1, waitingMax: 1 })
  const failing = t.assert.rejects(start('a'), /broken/)
  const next = start('b')
  await turn()
  await end('a', new Error('broken'))
  await failing
  t.assert.deepEqual(running(), ['b'])
  await end('b')
  t.assert.equal(await next, 'result of b')
})
