import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { AppError } from '@quintet/chassis/errors'
import { engineUrl, freshDatabaseOn, until } from '@quintet/chassis/testing'
import { createRecording } from '@quintet/chassis/testing/recording'
import { startProxy } from '@quintet/chassis/testing/proxy'
import { openMongoConnection } from '../src/mongodb/connection.ts'
import type { MongoConnection } from '../src/mongodb/connection.ts'

const server = engineUrl('mongodb')
if (server !== undefined) testConnection(server)

function testConnection(server: string): void {
  test('mongodb: a document is inserted once, and of concurrent conditional updates one succeeds', async (t: TestContext) => {
    const { connection, notes, add } = open(t, freshDatabaseOn(server))
    t.assert.equal(await add('a'), true)
    t.assert.equal(await add('a'), false)
    const changes = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        connection.write((options) =>
          notes.updateOne({ _id: 'a', text: '' }, { $set: { text: `${i}` } }, options),
        ),
      ),
    )
    t.assert.equal(changes.filter(({ matchedCount }) => matchedCount === 1).length, 1)
    t.assert.equal(await codeOf(connection.read(() => Promise.reject(new TypeError('mine')))), 'Error')
  })

  test('mongodb: what a recorded request reads and writes is in its trace, without values', async (t: TestContext) => {
    const { add, read } = open(t, freshDatabaseOn(server))
    await add('first')
    const spans = await createRecording().spansOf(async () => {
      await add('secret')
      await read('secret')
    })
    t.assert.deepEqual(
      spans.map(({ name, kind, attributes }) => [name, kind, attributes]),
      ['write', 'read'].map((name) => [
        name,
        'client',
        { 'db.system.name': 'mongodb', 'db.query.summary': name },
      ]),
    )
  })

  test('mongodb: options in the URL cannot weaken the write concern or enable retries', async (t: TestContext) => {
    const { add } = open(t, `${freshDatabaseOn(server)}&w=0&journal=false&retryWrites=true`)
    t.assert.equal(await add('a'), true)
    t.assert.equal(await add('a'), false)
  })

  test('mongodb: a write after its deadline is not made', async (t: TestContext) => {
    const { connection, notes, read } = open(t, freshDatabaseOn(server))
    const deadline = { before: performance.now() }
    const late = connection.insert((options) => notes.insertOne({ _id: 'a', text: '' }, options), deadline)
    t.assert.equal(await codeOf(late), 'overloaded')
    t.assert.equal(await read('a'), undefined)
  })

  test('mongodb: reads, writes and pings are refused until the check has passed', async (t: TestContext) => {
    let isReady = false
    const check = async () => {
      if (!isReady) throw new AppError('dependency_down', 'The check has not passed.')
    }
    const { connection, add, read } = open(t, freshDatabaseOn(server), check)
    for (const refused of [add('a'), read('a'), connection.ping()])
      t.assert.equal(await codeOf(refused), 'dependency_down')
    isReady = true
    t.assert.equal(await add('a'), true)
  })

  test('mongodb: a write whose response is lost is made at most once and rejects with outcome_unknown, a read with dependency_down', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    const straight = open(t, url)
    const proxy = await startProxy(t, url)
    const { add, read } = open(t, proxy.through(url))
    t.assert.equal(await add('a'), true)
    proxy.dropResponses(isHandshake)
    t.assert.equal(await codeOf(add('b')), 'outcome_unknown')
    t.assert.equal(await codeOf(read('a')), 'dependency_down')
    await proxy.pass()
    await until(async () => (await codeOf(add('c'))) === 'done')
    t.assert.equal((await straight.read('b'))?._id, 'b')
  })

  test('mongodb: a URL without a database is refused, and so is every operation after closing', async (t: TestContext) => {
    for (const url of ['mongodb://127.0.0.1:1', 'mongodb://127.0.0.1:1/?tls=true', 'mongodb+srv://host/'])
      t.assert.throws(() => openMongoConnection(url), /must name a database/)
    const { connection, add } = open(t, freshDatabaseOn(server))
    await connection.close()
    t.assert.equal(await codeOf(add('a')), 'dependency_down')
  })
}

type Note = { _id: string; text: string }

function open(t: TestContext, url: string, check = async () => {}) {
  const connection: MongoConnection = openMongoConnection(url, { check })
  t.after(() => connection.close())
  const notes = connection.collection<Note>('notes')
  return {
    connection,
    notes,
    add: (id: string) => connection.insert((options) => notes.insertOne({ _id: id, text: '' }, options)),
    read: (id: string) => connection.readLinearizable((options) => notes.findOne({ _id: id }, options)),
  }
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'done'
  } catch (error) {
    if (error instanceof AppError) return error.code
    return error instanceof Error ? error.name : String(error)
  }
}

function isHandshake(request: string | Buffer): boolean {
  return request.includes('hello') || request.includes('ismaster')
}
