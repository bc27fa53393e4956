import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createServerConnection } from '@quintet/chassis/database'
import type { ServerDriver } from '@quintet/chassis/database'
import { AppError, dependencyDown } from '@quintet/chassis/errors'

class StatementError extends Error {}
class UnreachableError extends Error {}

/** A driver in memory, whose server is available unless a test says otherwise, and a record of what it did. */
function createWorld(driver: Partial<ServerDriver<number>> = {}) {
  const released: string[] = []
  let connects = 0
  let isAvailable = true
  const connection = createServerConnection<number>({
    connectionsMax: 2,
    waitingMax: 1,
    async connect() {
      connects += 1
      if (!isAvailable) throw new Error('refused')
      return connects
    },
    release: (client, broken) => void released.push(`${client} ${broken?.message ?? 'intact'}`),
    end: async () => {},
    isStatementError: (error) => error instanceof StatementError,
    unavailable: (cause) => dependencyDown('The server is unavailable.', cause),
    ...driver,
  })
  return {
    connection,
    released,
    connects: () => connects,
    setAvailable(available: boolean) {
      isAvailable = available
    },
  }
}

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  )
const fails = (error: Error) => () => Promise.reject(error)

test('a client is released intact after its work, or after an error of a statement', async (t: TestContext) => {
  const { connection, released } = createWorld()
  t.assert.equal(await connection.use(async (client) => client * 10), 10)
  for (const error of [new StatementError('constraint'), dependencyDown('outdated'), new TypeError('value')])
    await t.assert.rejects(connection.use(fails(error)), error)
  t.assert.deepEqual(released, ['1 intact', '2 intact', '3 intact', '4 intact'])
})

test('a client is released as broken after any other error', async (t: TestContext) => {
  const { connection, released } = createWorld()
  await t.assert.rejects(connection.use(fails(new Error('reset'))), /reset/)
  t.assert.deepEqual(released, ['1 reset'])
})

test('no more clients are in use than the limit, and no more callers wait', async (t: TestContext) => {
  const { connection } = createWorld()
  const work = Promise.withResolvers<void>()
  const uses = [1, 2, 3].map(() => codeOf(connection.use(() => work.promise)))
  t.assert.equal(await codeOf(connection.use(() => work.promise)), 'overloaded')
  work.resolve()
  t.assert.deepEqual(await Promise.all(uses), ['done', 'done', 'done'])
})

test('after a failed attempt to connect, callers are refused at once until the pause is over', async (t: TestContext) => {
  const { connection, connects, setAvailable } = createWorld()
  setAvailable(false)
  t.assert.equal(await codeOf(connection.use(async () => {})), 'dependency_down')
  setAvailable(true)
  t.assert.equal(await codeOf(connection.use(async () => {})), 'dependency_down')
  t.assert.equal(connects(), 1)
  await pause(110)
  t.assert.equal(await codeOf(connection.use(async () => {})), 'done')
})

test('where a driver detects an unreachable server only at work, callers are refused at once as well', async (t: TestContext) => {
  const { connection, connects } = createWorld({
    isUnreachable: (error) => error instanceof UnreachableError,
    retryPauseMaxMs: 50,
  })
  await t.assert.rejects(connection.use(fails(new UnreachableError('selection'))), UnreachableError)
  t.assert.equal(await codeOf(connection.use(async () => {})), 'dependency_down')
  t.assert.equal(connects(), 1)
  await pause(60)
  t.assert.equal(await codeOf(connection.use(async () => {})), 'done')
})

test('a closed connection is refused, also to those who waited, and is closed once', async (t: TestContext) => {
  let ends = 0
  const { connection } = createWorld({ end: async () => void ends++ })
  const work = Promise.withResolvers<void>()
  const uses = [1, 2, 3].map(() => codeOf(connection.use(() => work.promise)))
  await pause(0)
  await Promise.all([connection.close(), connection.close()])
  work.resolve()
  t.assert.deepEqual(await Promise.all(uses), ['done', 'done', 'dependency_down'])
  t.assert.equal(await codeOf(connection.use(async () => {})), 'dependency_down')
  t.assert.equal(ends, 1)
})

test('a statement that the server refuses ends the backoff, as a response of the server', async (t: TestContext) => {
  const { connection, connects, setAvailable } = createWorld()
  const outage = async () => {
    setAvailable(false)
    t.assert.equal(await codeOf(connection.use(async () => {})), 'dependency_down')
    setAvailable(true)
  }
  for (let outages = 1; outages <= 5; outages++) {
    await outage()
    // The first pause is 100 ms at most, and each failure in a row doubles it.
    await pause(110)
    await t.assert.rejects(connection.use(fails(new StatementError('constraint'))), /constraint/)
    t.assert.equal(connects(), 2 * outages)
  }
})
