import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { createRoundRobin } from '@quintet/chassis/concurrency'
import { AppError } from '@quintet/chassis/errors'

function createWorld(waitingMax = 1_000) {
  const run = createRoundRobin({ concurrencyMax: 1, waitingMax, refusal: 'Too many.' })
  const log: string[] = []
  const start = (party: string) =>
    run(party, async () => {
      log.push(party)
      await turn()
    }).catch((error: unknown) => {
      assert.ok(error instanceof AppError && error.retryAfterSeconds === 1)
      log.push(`${party}: ${error.status}`)
    })
  return { start, log }
}

test('Each party has its turn, however much the others have, and also where some come back at once', async () => {
  const { start, log } = createWorld()
  const many = Array.from({ length: 20 }, () => start('many'))
  const comeBack = async (party: string) => {
    for (let count = 0; count < 10; count += 1) await start(party)
  }
  await Promise.all([...many, comeBack('a'), comeBack('b')])
  for (const party of ['many', 'a', 'b'])
    assert.ok(log.slice(0, 21).filter((one) => one === party).length >= 6, log.join(' '))
  assert.equal(log.length, 40)
})

test('Beyond the limit the newest of the longest line is 429, and without a longest one 503', async () => {
  const { start, log } = createWorld(3)
  const all = ['a', 'a', 'a', 'b', 'c', 'd', 'e'].map(start)
  await turn()
  assert.deepEqual(log.splice(0), ['a', 'a: 429', 'd: 503', 'e: 503'])
  await Promise.all(all)
  assert.deepEqual(log, ['a', 'b', 'c'])
})
