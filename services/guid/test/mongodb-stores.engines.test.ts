import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openCache } from '@quintet/chassis/cache'
import { DuplicateRequest } from '@quintet/chassis/idempotency'
import { engineUrl, freshDatabaseOn } from '@quintet/chassis/testing'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { createCachedGuidStore } from '../src/cached-guid-store.ts'
import { openMongoConnection } from '../src/mongodb/connection.ts'
import { collectionsOf, relayId } from '../src/mongodb/documents.ts'
import { createMongoGuidStore } from '../src/mongodb/guid-store.ts'
import { createMongoIdempotencyStore } from '../src/mongodb/idempotency-store.ts'
import type { MongoIdempotencyStore } from '../src/mongodb/idempotency-store.ts'
import { createOperationCompletion } from '../src/mongodb/operation-completion.ts'
import type { OperationCompletion } from '../src/mongodb/operation-completion.ts'
import { createMongoOperationStore } from '../src/mongodb/operation-store.ts'
import { createMongoOutbox } from '../src/mongodb/outbox.ts'
import { createMongoRecovery } from '../src/mongodb/recovery.ts'
import { OperationCompleted } from '../src/port.ts'
import { migrateStorage } from '../src/storage.ts'
import { startMs, startSeconds } from './world.ts'

/** A process can die or stall between any two steps; these tests stop the stores between them. */
const server = engineUrl('mongodb')
if (server !== undefined) {
  testRequests(server)
  testVersions(server)
  testOperations(server)
  testOutbox(server)
}

const guid = '5E95AAD3B0D94B0F8C3D8A8F7E1C2B3A'
const command = { kind: 'create' as const, guid, user: 'ada', expire: startSeconds + 60 }

function testRequests(server: string): void {
  test('mongodb: a process that dies after the effect of a request has left the response, which a sweeper transfers to the binding', async (t: TestContext) => {
    const world = await createWorld(t, server)
    const dying = world.open({ dies: true })
    await dying.guids.create(world.row('ada'), { records: () => [world.record('k', 'one')] })
    const other = world.open()
    t.assert.equal((await other.idempotencyStore.find('k', 0))?.response.body, 'one')
    await t.assert.rejects(other.idempotencyStore.insert(world.record('k', 'two')), DuplicateRequest)
    const again = world.open({ dies: true })
    t.assert.equal((await again.idempotencyStore.find('k', 0))?.response.body, 'one')
    world.clock.advance(5_000)
    await other.recover()
    t.assert.deepEqual((await world.document())?.kept, [])
    t.assert.equal((await world.document())?.settleAt, undefined)
    t.assert.equal((await again.idempotencyStore.find('k', 0))?.response.body, 'one')
  })

  test('mongodb: a request that stalls before its effect is in progress for 10 s; then its key is free and its effect impossible', async (t: TestContext) => {
    const world = await createWorld(t, server)
    const gate = Promise.withResolvers<void>()
    const reached = Promise.withResolvers<void>()
    const stalling = world.open({
      idempotencyStore: (store) => ({
        ...store,
        withBoundKey: (records, at, effect) =>
          store.withBoundKey(records, at, async (entries) => {
            reached.resolve()
            await gate.promise
            return effect(entries)
          }),
      }),
    })
    const late = stalling.guids.create(world.row('late'), { records: () => [world.record('k', 'late')] })
    const lateOutcome = late.catch((error: unknown) => error)
    await reached.promise
    const other = world.open()
    world.clock.advance(9_999)
    await t.assert.rejects(other.idempotencyStore.find('k', 0), { code: 'idempotency_in_flight' })
    world.clock.advance(1)
    t.assert.equal(await other.idempotencyStore.find('k', 0), undefined)
    await other.guids.create(world.row('ada'), { records: () => [world.record('k', 'ada')] })
    world.clock.advance(5_000)
    await other.recover()
    gate.resolve()
    t.assert.ok((await lateOutcome) instanceof DuplicateRequest)
    t.assert.equal((await world.document())?.user, 'ada')
    t.assert.equal((await other.idempotencyStore.find('k', 0))?.response.body, 'ada')
    world.clock.advance(3_600_000)
    await other.recover()
    t.assert.deepEqual((await world.document())?.kept, [])
  })

  test('mongodb: a refusal leaves the key free, so that the refusal can be recorded', async (t: TestContext) => {
    const world = await createWorld(t, server)
    const { guids, idempotencyStore } = world.open()
    await guids.create(world.row('ada'))
    t.assert.equal(
      await guids.create(world.row('eve'), { records: () => [world.record('k', 'yes')] }),
      'exists',
    )
    await idempotencyStore.insert(world.record('k', 'no'))
    t.assert.equal((await idempotencyStore.find('k', 0))?.response.body, 'no')
  })
}

function testVersions(server: string): void {
  test('mongodb: once the document of a deleted GUID is removed, a process with a late clock registers it with a larger version', async (t: TestContext) => {
    const world = await createWorld(t, server)
    world.clock.advance(7_200_000)
    const deleted = await world.open().guids.create(world.row('ada'))
    t.assert.ok(await world.open().guids.delete(guid))
    world.clock.advance(3_600_000)
    await world.open().recover()
    t.assert.equal(await world.document(), undefined)
    world.clock.set(startMs)
    const { guids } = world.open()
    const created = await guids.create(world.row('eve'))
    t.assert.ok(Number(created) > Number(deleted), `${created} > ${deleted}`)
    const updated = await guids.update(guid, { user: 'bob' })
    t.assert.ok(Number(updated?.version) > Number(created))
  })
}

function testOperations(server: string): void {
  test('mongodb: a command whose worker died between its effect and the completion of the operation has one effect', async (t: TestContext) => {
    const world = await createWorld(t, server)
    const dying = world.open({ dies: true })
    await dying.operations.accept('o', command, [])
    await dying.guids.create(world.row('ada'), { operation: 'o' })
    const before = await world.document()
    const other = world.open()
    t.assert.equal((await other.operations.find('o'))?.status, 'pending')
    await t.assert.rejects(other.guids.create(world.row('eve'), { operation: 'o' }), OperationCompleted)
    const operation = await other.operations.find('o')
    t.assert.equal(operation?.status, 'succeeded')
    t.assert.equal(JSON.parse(operation?.result ?? '').user, 'ada')
    const after = await world.document()
    t.assert.deepEqual([after?.user, after?.version], [before?.user, before?.version])
    t.assert.deepEqual(after?.ended, [])
  })

  test('mongodb: an operation that had its effect cannot fail, and a sweeper completes it', async (t: TestContext) => {
    const world = await createWorld(t, server)
    const dying = world.open({ dies: true })
    for (const id of ['o', 'p']) await dying.operations.accept(id, command, [])
    await dying.guids.create(world.row('ada'), { operation: 'o' })
    await dying.guids.update(guid, { user: 'eve' }, undefined, { operation: 'p' })
    const other = world.open()
    await other.operations.fail('o', { title: 'Refused' })
    t.assert.equal((await other.operations.find('o'))?.status, 'succeeded')
    world.clock.advance(5_000)
    await other.recover()
    t.assert.equal((await other.operations.find('p'))?.status, 'succeeded')
  })

  for (const meanwhile of ['applied and undone', 'failed'] as const)
    test(`mongodb: a worker that read the GUID as absent and stalls changes nothing if the command is ${meanwhile} meanwhile`, async (t: TestContext) => {
      const world = await createWorld(t, server)
      const gate = Promise.withResolvers<void>()
      const reached = Promise.withResolvers<void>()
      const stalling = world.open({
        completion: (completion) => ({
          ...completion,
          async refuseCompleted(...args) {
            await completion.refuseCompleted(...args)
            reached.resolve()
            await gate.promise
          },
        }),
      })
      const other = world.open()
      await other.operations.accept('o', command, [])
      const late = stalling.guids.create(world.row('late'), { operation: 'o' })
      const lateOutcome = late.catch((error: unknown) => error)
      await reached.promise
      if (meanwhile === 'failed') await other.operations.fail('o', { title: 'Refused' })
      else {
        await other.guids.create(world.row('ada'), { operation: 'o' })
        t.assert.ok(await other.guids.delete(guid))
      }
      world.clock.advance(3_599_999)
      await other.recover()
      gate.resolve()
      t.assert.ok((await lateOutcome) instanceof OperationCompleted)
      t.assert.equal(await other.guids.find(guid), undefined)
      world.clock.advance(1)
      await other.recover()
      t.assert.equal(await world.document(), undefined)
    })
}

function testOutbox(server: string): void {
  test('mongodb: a relay that died between publishing and removal delays no event, and documents whose events it removed are skipped', async (t: TestContext) => {
    const world = await createWorld(t, server)
    const { guids } = world.open()
    const others = ['1', '2', '3'].map((digit) => guid.replace('5', digit))
    for (const other of [...others, guid]) await guids.create({ ...world.row('ada'), guid: other })
    const { outbox, collections } = world
    await collections.guids.updateMany({ _id: { $in: others } }, { $set: { outbox: [] } })
    const [row, ...more] = await outbox.oldest(1)
    t.assert.equal(row?.key, guid)
    t.assert.deepEqual(more, [])
    await guids.update(guid, { user: 'eve' })
    t.assert.deepEqual((await outbox.oldest(10))[0], row)
    if (row !== undefined) await outbox.remove([row], undefined)
    const rest = await outbox.oldest(10)
    t.assert.deepEqual(
      rest.map(({ body }) => JSON.parse(body).type),
      ['guid.updated'],
    )
    await outbox.remove(rest, undefined)
    t.assert.equal((await outbox.backlog()).rows, 0)
  })

  test("mongodb: the server's clock judges the relay's lease, and one from before that was set back has expired", async (t: TestContext) => {
    const { outbox, collections } = await createWorld(t, server)
    const take = async (holder: string) => (await outbox.takeLease({ holder, leaseMs: 10_000 })) !== undefined
    t.assert.deepEqual([await take('one'), await take('other'), await take('one')], [true, false, true])
    const endsAfter = (ms: number) =>
      collections.control.updateOne({ _id: relayId }, { $set: { leaseUntil: Date.now() + ms } })
    await endsAfter(3_600_000)
    t.assert.equal(await take('other'), true)
    await endsAfter(-1_000)
    t.assert.equal(await take('one'), true)
  })

  test('mongodb: the backlog has the age of its oldest row, whether that is a command or an event', async (t: TestContext) => {
    const world = await createWorld(t, server)
    const { guids, operations } = world.open()
    t.assert.deepEqual(await world.outbox.backlog(), { rows: 0 })
    const command = { kind: 'create' as const, guid, user: 'ada', expire: startMs / 1_000 + 60 }
    await operations.accept('o', command, [])
    world.clock.advance(1_000)
    await guids.create(world.row('ada'))
    t.assert.deepEqual(await world.outbox.backlog(), { rows: 2, oldestAt: startMs })
  })
}

type Changes = {
  /** Whether the process dies right after its effect. */
  dies?: boolean
  idempotencyStore?: (store: MongoIdempotencyStore) => MongoIdempotencyStore
  completion?: (completion: OperationCompletion) => OperationCompletion
}

/** One database, and stores over it as of several processes. */
async function createWorld(t: TestContext, server: string) {
  const url = freshDatabaseOn(server)
  await migrateStorage(url, 'up')
  const clock = createManualClock(startMs)
  const cache = await openCache('none:', { clock })
  const connection = openMongoConnection(url)
  t.after(() => connection.close())
  const collections = collectionsOf(connection)

  function open({
    dies = false,
    idempotencyStore: wrap = same,
    completion: wrapCompletion = same,
  }: Changes = {}) {
    const running: Promise<unknown>[] = []
    const backgroundTasks = {
      run: (work: () => Promise<unknown>) => void (dies || running.push(work())),
      drain: async () => void (await Promise.all(running)),
    }
    const context = { connection, collections, clock }
    const idempotencyStore = wrap(createMongoIdempotencyStore({ ...context, backgroundTasks }))
    const completion = wrapCompletion(createOperationCompletion(context))
    const parts = { ...context, idempotencyStore, completion, backgroundTasks }
    const sweeps = createMongoRecovery(context)
    return {
      idempotencyStore,
      guids: createCachedGuidStore({
        store: createMongoGuidStore(parts),
        cache,
        engineClock: clock,
        wake: () => {},
      }),
      operations: createMongoOperationStore(parts),
      async recover() {
        await backgroundTasks.drain()
        await collections.guids.updateMany({}, { $set: { outbox: [] } })
        for (const sweep of sweeps) await sweep(100)
      },
    }
  }

  return {
    clock,
    open,
    collections,
    outbox: createMongoOutbox({ connection, collections }),
    document: () =>
      connection.readLinearizable((options) => collections.guids.findOne({ _id: guid }, options)),
    row: (user: string) => ({ guid, user, expire: startSeconds + 72_000, owner: null }),
    record: (id: string, body: string) => ({
      id,
      fingerprint: 'f',
      response: { status: 201, headers: {}, body },
      createdAtMs: clock.now(),
    }),
  }
}

const same = <T>(one: T): T => one
