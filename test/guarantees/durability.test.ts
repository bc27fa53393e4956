import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'node:test'
import { call, dataFolder, run } from '../system/processes.ts'

const guidMain = ['services/guid/src/main.ts']

/**
 * Goal: a 2xx to a write means that it is durable. Method: writers at full speed, SIGKILL at a moment that nobody chose,
 * restart on the same data, and every write that was answered must be there, whole; one that was not may be or not be.
 */
for (const round of [1, 2, 3])
  test(`kill -9 during 200 concurrent POSTs loses no acknowledged write (round ${round})`, async (t) => {
    const DATA_DIR = dataFolder(t)
    const first = run(t, guidMain, { DATA_DIR, LOG_LEVEL: 'silent' })
    const address = await first.address('guid')
    const answered: unknown[] = []
    let asked = 0
    const writers = Array.from({ length: 200 }, async (_, writer) => {
      for (let i = 0; ; i++) {
        asked += 1
        const answer = await call('POST', `${address}/guid`, { user: `user-${writer}-${i}` })
        if (answer === undefined) return
        if (answer.status === 201) answered.push(answer.body)
      }
    })
    while (answered.length < 300 * round) await pause(1)
    await first.kill('SIGKILL')
    await Promise.all(writers)
    assert.ok(asked > answered.length, 'the kill came in the middle')

    const second = await run(t, guidMain, { DATA_DIR, LOG_LEVEL: 'silent' }).address('guid')
    for (const body of answered) {
      assert.ok(typeof body === 'object' && body !== null && 'guid' in body)
      const found = await call('GET', `${second}/guid/${body.guid}`)
      assert.deepEqual(found?.body, body)
    }
  })

test('kill -9 during accepted operations: each of them completes, and takes effect once', async (t) => {
  const DATA_DIR = dataFolder(t)
  const first = run(t, guidMain, { DATA_DIR, LOG_LEVEL: 'silent' })
  const address = await first.address('guid')
  const accepted: string[] = []
  const writers = Array.from({ length: 50 }, async (_, writer) => {
    for (let i = 0; ; i++) {
      const body = { user: `user-${writer}-${i}` }
      const answer = await call('POST', `${address}/guid`, body, { prefer: 'respond-async' })
      if (answer === undefined) return
      if (answer.status === 202) accepted.push(String(answer.headers.get('location')))
    }
  })
  while (accepted.length < 400) await pause(1)
  await first.kill('SIGKILL')
  await Promise.all(writers)

  const second = await run(t, guidMain, { DATA_DIR, LOG_LEVEL: 'silent' }).address('guid')
  const results = new Set<string>()
  for (const location of accepted) {
    for (let tries = 0; ; tries++) {
      const operation = (await call('GET', second + location))?.body
      assert.ok(
        typeof operation === 'object' && operation !== null && 'status' in operation,
        'an accepted one is known',
      )
      if (operation.status !== 'pending') {
        assert.ok('result' in operation, JSON.stringify(operation))
        results.add(JSON.stringify(operation.result))
        break
      }
      assert.ok(tries < 3_000, 'an accepted operation ends')
      await pause(10)
    }
  }
  assert.equal(results.size, accepted.length)
})

test('SIGTERM during writes finishes those in flight, and the process ends within 10 s', async (t) => {
  const DATA_DIR = dataFolder(t)
  const guid = run(t, guidMain, { DATA_DIR, LOG_LEVEL: 'silent' })
  const address = await guid.address('guid')
  const answers: (number | undefined)[] = []
  const writers = Array.from({ length: 50 }, async () => {
    for (;;) {
      const answer = await call('POST', `${address}/guid`, { user: 'ada' })
      answers.push(answer?.status)
      if (answer?.status !== 201) return
    }
  })
  while (answers.length < 200) await pause(1)
  const code = await guid.kill('SIGTERM')
  await Promise.all(writers)
  assert.equal(code, 0)
  assert.ok(answers.every((status) => status === undefined || status === 201 || status === 503))
})
