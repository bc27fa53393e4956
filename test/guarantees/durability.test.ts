import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'node:test'
import { call, dataFolder, run } from '../system/processes.ts'

const guidMain = ['services/guid/src/main.ts']

/**
 * Goal: a 2xx response to a write means that it is durable. Method: writers at full speed, SIGKILL at an arbitrary moment,
 * restart on the same data. Every acknowledged write must be there, complete; any other may be there or not.
 */
for (const round of [1, 2, 3])
  test(`kill -9 during 200 concurrent POSTs loses no acknowledged write (round ${round})`, async (t) => {
    const DATA_DIR = dataFolder(t)
    const first = run(t, guidMain, { DATA_DIR, LOG_LEVEL: 'silent' })
    const address = await first.address('guid')
    const acknowledged: unknown[] = []
    let sent = 0
    const writers = Array.from({ length: 200 }, async (_, writer) => {
      for (let i = 0; ; i++) {
        sent += 1
        const response = await call('POST', `${address}/guid`, { user: `user-${writer}-${i}` })
        if (response === undefined) return
        if (response.status === 201) acknowledged.push(response.body)
      }
    })
    while (acknowledged.length < 300 * round) await pause(1)
    await first.kill('SIGKILL')
    await Promise.all(writers)
    assert.ok(sent > acknowledged.length, 'the kill happened during writes')

    const second = await run(t, guidMain, { DATA_DIR, LOG_LEVEL: 'silent' }).address('guid')
    for (const body of acknowledged) {
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
      const response = await call('POST', `${address}/guid`, body, { prefer: 'respond-async' })
      if (response === undefined) return
      if (response.status === 202) accepted.push(String(response.headers.get('location')))
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
        'an accepted operation is found',
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
  const responses: (number | undefined)[] = []
  const writers = Array.from({ length: 50 }, async () => {
    for (;;) {
      const response = await call('POST', `${address}/guid`, { user: 'ada' })
      responses.push(response?.status)
      if (response?.status !== 201) return
    }
  })
  while (responses.length < 200) await pause(1)
  const code = await guid.kill('SIGTERM')
  await Promise.all(writers)
  assert.equal(code, 0)
  assert.ok(responses.every((status) => status === undefined || status === 201 || status === 503))
})
