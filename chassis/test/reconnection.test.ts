import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createReconnection, watchLiveness } from '@quintet/chassis/concurrency'

function createWorld(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const attempts: PromiseWithResolvers<string>[] = []
  const opened: string[] = []
  const closed: string[] = []
  const failures: string[] = []
  const reconnection = createReconnection<string>({
    open() {
      const attempt = Promise.withResolvers<string>()
      attempts.push(attempt)
      return attempt.promise
    },
    onOpen: (connection) => void opened.push(connection),
    onFailure: (error) => void failures.push(String(error)),
    close: (connection) => void closed.push(connection),
  })
  return { attempts, opened, closed, failures, reconnection }
}

test('a connection is tried again within 100 ms, and from then on within 500 ms, whether or not the last attempt has failed', async (t: TestContext) => {
  const { attempts, failures, reconnection } = createWorld(t)
  reconnection.start()
  reconnection.start()
  t.assert.equal(attempts.length, 1)
  attempts[0]?.reject('refused')
  await nextTurn()
  t.assert.deepEqual(failures, ['refused'])
  for (const ms of [100, 200, 400, 500, 500]) {
    const before = attempts.length
    t.mock.timers.tick(ms)
    t.assert.ok(attempts.length > before)
  }
  reconnection.stop()
  const before = attempts.length
  t.mock.timers.tick(10_000)
  t.assert.equal(attempts.length, before)
})

test('the first connection that opens is used, and those that open later are closed', async (t: TestContext) => {
  const { attempts, opened, closed, failures, reconnection } = createWorld(t)
  reconnection.start()
  for (const ms of [100, 200]) t.mock.timers.tick(ms)
  const [first, second, third] = attempts
  second?.resolve('second')
  await nextTurn()
  first?.resolve('first')
  third?.reject('refused')
  await nextTurn()
  t.assert.deepEqual({ opened, closed, failures }, { opened: ['second'], closed: ['first'], failures: [] })
  const before = attempts.length
  t.mock.timers.tick(10_000)
  t.assert.equal(attempts.length, before)
})

test('a server that does not respond to a ping within 750 ms is silent, and one that rejects it is not', async (t: TestContext) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const responses = [async () => {}, () => Promise.reject(new Error('refused')), () => new Promise(() => {})]
  let pings = 0
  let silences = 0
  watchLiveness({
    ping: async () => responses[pings++]?.(),
    onSilent: () => silences++,
  })
  for (let turn = 0; turn < 2; turn += 1) {
    await nextTurn()
    t.mock.timers.tick(250)
  }
  t.assert.equal(pings, 3)
  t.mock.timers.tick(749)
  await nextTurn()
  t.assert.equal(silences, 0)
  t.mock.timers.tick(1)
  for (let turn = 0; turn < 5; turn += 1) await nextTurn()
  t.assert.deepEqual({ silences, pings }, { silences: 1, pings: 3 })
})

test('a response that arrived while the process was busy is read before the server counts as silent', async (t: TestContext) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const response = Promise.withResolvers<void>()
  let silences = 0
  const stop = watchLiveness({ ping: () => response.promise, onSilent: () => silences++ })
  t.mock.timers.tick(750)
  setImmediate(response.resolve)
  for (let turn = 0; turn < 5; turn += 1) await nextTurn()
  t.assert.equal(silences, 0)
  stop()
})
