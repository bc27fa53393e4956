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
  let discards = 0
  let isAvailable = true
  let nowMs = 0
  const driverOfWorld: ServerDriver<number> = {
    connectionsMax: 2,
    waitingMax: 1,
    async connect() {
      connects += 1
      if (!isAvailable) throw new Error('refused')
      return connects
    },
    release: (client, broken) => void released.push(`${client} ${broken?.message ?? 'intact'}`),
    discard: () => void discards++,
    end: async () => {},
    isStatementError: (error) => error instanceof StatementError,
    unavailable: (cause) => dependencyDown('The server is unavailable.', cause),
    ...driver,
  }
  return {
    connection: createServerConnection(driverOfWorld, () => nowMs),
    released,
    connects: () => connects,
    discards: () => discards,
    advance(ms: number) {
      nowMs += ms
    },
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
  const { connection, connects, setAvailable, advance } = createWorld()
  setAvailable(false)
  t.assert.equal(await codeOf(connection.use(async () => {})), 'dependency_down')
  setAvailable(true)
  t.assert.equal(await codeOf(connection.use(async () => {})), 'dependency_down')
  t.assert.equal(connects(), 1)
  advance(100)
  t.assert.equal(await codeOf(connection.use(async () => {})), 'done')
})

test('where a driver detects an unreachable server only at work, callers are refused at once as well', async (t: TestContext) => {
  const { connection, connects, advance } = createWorld({
    isUnreachable: (error) => error instanceof UnreachableError,
  })
  await t.assert.rejects(connection.use(fails(new UnreachableError('selection'))), UnreachableError)
  t.assert.equal(await codeOf(connection.use(async () => {})), 'dependency_down')
  t.assert.equal(connects(), 1)
  advance(100)
  t.assert.equal(await codeOf(connection.use(async () => {})), 'done')
})

test('attempts that fail together are one failure: the server is tried again within 100 ms, and from then on within 500 ms', async (t: TestContext) => {
  const { connection, connects, setAvailable, advance } = createWorld({ connectionsMax: 16, waitingMax: 100 })
  setAvailable(false)
  const use = () => codeOf(connection.use(async () => {}))
  await Promise.all(Array.from({ length: 16 }, use))
  t.assert.equal(connects(), 16)
  for (const ms of [100, 200, 400, 500, 500, 500]) {
    const before = connects()
    advance(ms)
    await Promise.all(Array.from({ length: 16 }, use))
    t.assert.equal(connects(), before + 1)
  }
  advance(500)
  setAvailable(true)
  t.assert.equal(await use(), 'done')
})

test('while the server is unavailable there are at most four attempts a second', async (t: TestContext) => {
  const { connection, connects, setAvailable, advance } = createWorld()
  setAvailable(false)
  for (let ms = 0; ms < 60_000; ms += 10) {
    await codeOf(connection.use(async () => {}))
    advance(10)
  }
  t.assert.ok(connects() >= 120 && connects() <= 240 + 3, `${connects()} attempts in a minute`)
})

test('an attempt does not wait for the last one to time out, and the first response ends the outage', async (t: TestContext) => {
  const attempts: PromiseWithResolvers<number>[] = []
  const { connection, advance } = createWorld({
    connectionsMax: 16,
    connect() {
      const attempt = Promise.withResolvers<number>()
      attempts.push(attempt)
      return attempt.promise
    },
  })
  const use = () => codeOf(connection.use(async () => {}))
  const uses = [use()]
  await pause(0)
  attempts[0]?.reject(new Error('silent'))
  t.assert.equal(await uses[0], 'dependency_down')
  for (const ms of [100, 200, 400, 500]) {
    advance(ms)
    uses.push(use())
    await pause(0)
    t.assert.equal(attempts.length, uses.length)
  }
  attempts[4]?.resolve(4)
  t.assert.equal(await uses[4], 'done')
  // The attempts that time out now began before that, and are no new outage.
  for (const attempt of attempts.slice(1, 4)) attempt.reject(new Error('silent'))
  t.assert.deepEqual(await Promise.all(uses.slice(1, 4)), Array(3).fill('dependency_down'))
  uses.push(use())
  await pause(0)
  attempts[5]?.resolve(5)
  t.assert.equal(await uses[5], 'done')
})

test('a caller whose attempt is late is refused when the next is due, and the attempt ends the outage all the same', async (t: TestContext) => {
  const late = Promise.withResolvers<number>()
  const attempts = [Promise.reject(new Error('refused')), late.promise]
  const { connection, advance, released } = createWorld({
    connectionsMax: 1,
    connect: () => attempts.shift() ?? Promise.resolve(3),
  })
  const use = () => codeOf(connection.use(async () => {}))
  t.assert.equal(await use(), 'dependency_down')
  advance(100)
  t.assert.equal(await use(), 'dependency_down')
  late.resolve(2)
  await pause(0)
  t.assert.deepEqual(released, ['2 intact'])
  t.assert.equal(await use(), 'done')
})

test('connections that fail together discard the others once, and those that were made later are kept', async (t: TestContext) => {
  const { connection, discards } = createWorld({ connectionsMax: 16 })
  const works = [1, 2, 3].map(() => Promise.withResolvers<void>())
  const uses = works.map(({ promise }) => codeOf(connection.use(() => promise)))
  await pause(0)
  works[0]?.reject(new Error('reset'))
  await uses[0]
  const later = Promise.withResolvers<void>()
  const last = codeOf(connection.use(() => later.promise))
  await pause(0)
  for (const work of works.slice(1)) work.reject(new Error('reset'))
  await Promise.all(uses)
  t.assert.equal(discards(), 1)
  later.reject(new Error('reset'))
  await last
  t.assert.equal(discards(), 2)
})

test('a failure to connect discards the connections that are idle, since they may be half-open', async (t: TestContext) => {
  const { connection, discards, setAvailable, advance } = createWorld()
  setAvailable(false)
  await codeOf(connection.use(async () => {}))
  t.assert.equal(discards(), 1)
  advance(100)
  await codeOf(connection.use(async () => {}))
  t.assert.equal(discards(), 1)
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
  const { connection, connects, setAvailable, advance } = createWorld()
  const outage = async () => {
    setAvailable(false)
    t.assert.equal(await codeOf(connection.use(async () => {})), 'dependency_down')
    setAvailable(true)
  }
  for (let outages = 1; outages <= 5; outages++) {
    await outage()
    // The first pause is 100 ms at most, and each failure in a row doubles it.
    advance(100)
    await t.assert.rejects(connection.use(fails(new StatementError('constraint'))), /constraint/)
    t.assert.equal(connects(), 2 * outages)
  }
})
