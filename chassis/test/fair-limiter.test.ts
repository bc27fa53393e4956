import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { createFairLimiter } from '@quintet/chassis/concurrency'
import { AppError } from '@quintet/chassis/errors'

/** Work that runs until the test ends it; `log` has what started and what was refused. */
function createWorld(limits: { concurrencyMax: number; waitingMax: number }) {
  const limiter = createFairLimiter({ ...limits, refusal: 'Too many.' })
  const log: string[] = []
  const ends: (() => void)[] = []
  const start = (name: string, ...parties: string[]) =>
    limiter(parties, () => {
      log.push(name)
      return new Promise<void>((end) => ends.push(end))
    }).catch((error: unknown) => {
      assert.ok(error instanceof AppError && error.retryAfterSeconds === 1)
      log.push(`${name}: ${error.status}`)
    })
  const end = async () => {
    ends.shift()?.()
    await turn()
  }
  return { start, end, log }
}

test('A party that fills the line is refused first, its newest first, and others start before it', async () => {
  const { start, end, log } = createWorld({ concurrencyMax: 1, waitingMax: 3 })
  for (const name of ['a1', 'a2', 'a3', 'a4', 'a5']) void start(name, 'address a', 'account x')
  await turn()
  assert.deepEqual(log.splice(0), ['a1', 'a5: 429'])
  void start('b1', 'address b', 'account y')
  await turn()
  assert.deepEqual(log.splice(0), ['a4: 429'])
  for (let i = 0; i < 3; i++) await end()
  assert.deepEqual(log, ['b1', 'a2', 'a3'])
})

test('The same account from another address, and another account from the same address, are served', async () => {
  const { start, end, log } = createWorld({ concurrencyMax: 1, waitingMax: 3 })
  for (const name of ['a1', 'a2', 'a3', 'a4']) void start(name, 'address a', 'account x')
  void start('same account', 'address b', 'account x')
  void start('same address', 'address a', 'account y')
  await turn()
  assert.deepEqual(log.splice(0), ['a1', 'a4: 429', 'a3: 429'])
  for (let i = 0; i < 3; i++) await end()
  assert.deepEqual(log, ['same account', 'a2', 'same address'])
})

test('Without a party that has more than others, what exceeds the line is 503', async () => {
  const { start, end, log } = createWorld({ concurrencyMax: 1, waitingMax: 2 })
  for (const name of ['a', 'b', 'c', 'd']) void start(name, name)
  await turn()
  assert.deepEqual(log.splice(0), ['a', 'd: 503'])
  for (let i = 0; i < 3; i++) await end()
  assert.deepEqual(log, ['b', 'c'])
})

test('Work that fails rejects with its own error and frees its slot', async () => {
  const limiter = createFairLimiter({ concurrencyMax: 1, waitingMax: 1, refusal: 'Too many.' })
  const failing = limiter(['a'], () => Promise.reject(new Error('broken')))
  const next = limiter(['a'], async () => 'done')
  await assert.rejects(failing, /broken/)
  assert.equal(await next, 'done')
  assert.equal(await limiter([], async () => 'done'), 'done')
})
