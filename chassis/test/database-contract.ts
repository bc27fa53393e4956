import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { migrateDatabase, openDatabase } from '@quintet/chassis/database'
import type { MigrationAction } from '@quintet/chassis/database'
import { AppError } from '@quintet/chassis/errors'
import { createMetrics } from '@quintet/chassis/telemetry'
import { testCommitLimits } from './database-commit-limit-contract.ts'
import { testConcurrency } from './database-concurrency-contract.ts'
import { testQueries } from './database-query-contract.ts'
import { testUnits } from './database-unit-contract.ts'
import { add, count, demanding, migrations, open } from './database-world.ts'
import type { CreateDatabaseUrl, Tables } from './database-world.ts'
import { createRecording } from './recording.ts'

/** What every adapter of a SQL database does. */
export function testDatabase(name: string, createUrl: CreateDatabaseUrl): void {
  describe(`database contract: ${name}`, () => {
    testQueries(createUrl)
    testUnits(createUrl)
    testCommitLimits(createUrl)
    testConcurrency(createUrl)
    testDurability(createUrl)
    testClosing(createUrl)
    testMetrics(createUrl)
    testSpans(createUrl)
  })
}

function testMetrics(createUrl: CreateDatabaseUrl): void {
  test('operations, the units of each commit and those that wait for one are measured', async (t: TestContext) => {
    const url = createUrl(t)
    await (await open(t, url)).close()
    const metrics = createMetrics()
    const { query, close } = await openDatabase<Tables>(url, { migrations, metrics })
    t.after(close)
    await Promise.all(Array.from({ length: 20 }, (_, i) => add(query, `a${i}`).execute()))
    t.assert.equal(await count(query), 20)
    const text = await metrics.text()
    const numberIn = (sample: RegExp) => Number(sample.exec(text)?.[1])
    const system = { sqlite: 'sqlite', postgres: 'postgresql', postgresql: 'postgresql' }[
      url.split(':', 1)[0] ?? ''
    ]
    const name = `db_system_name="${system ?? '(mysql|mariadb)'}"`
    const operations = (operation: string) =>
      new RegExp(
        `^db_client_operation_duration_seconds_count\\{${name},db_operation_name="${operation}"\\} (\\d+)$`,
        'm',
      )
    t.assert.match(text, operations('COMMIT'))
    t.assert.match(text, operations('SELECT'))
    t.assert.equal(numberIn(/^quintet_commit_units_sum (\d+)$/m), 20)
    t.assert.ok(numberIn(/^quintet_commit_units_count (\d+)$/m) <= 20)
    t.assert.equal(numberIn(/^quintet_commits_waiting (\d+)$/m), 0)
  })
}

function testSpans(createUrl: CreateDatabaseUrl): void {
  test('what a recorded request reads and commits is in its trace, by operation and table and without values', async (t: TestContext) => {
    const url = createUrl(t)
    const { query, commit, read } = await open(t, url)
    const spans = await createRecording().spansOf(async () => {
      await commit([demanding(add(query, 'secret').compile())])
      await read(query.selectFrom('account').select('id').where('id', '=', 'secret').compile())
    })
    t.assert.deepEqual(
      spans.map(({ name, kind }) => [name, kind]),
      [
        ['commit INSERT account', 'client'],
        ['SELECT account', 'client'],
      ],
    )
    for (const { attributes } of spans) t.assert.doesNotMatch(JSON.stringify(attributes), /secret/)
  })
}

function testDurability(createUrl: CreateDatabaseUrl): void {
  test('the migration status of a database that does not exist, or a revert in it, does not create it', async (t: TestContext) => {
    const url = createUrl(t)
    const names = ['0001-create-account', '0002-create-outbox']
    const migrate = (action: MigrationAction) => migrateDatabase(url, { migrations }, action)
    const pending = names.map((name) => `${name} pending`)
    t.assert.deepEqual(await migrate('status'), pending)
    await t.assert.rejects(migrate('down'), {
      code: 'conflict',
      message: /does not exist, so there is nothing to revert/,
    })
    t.assert.deepEqual(await migrate('status'), pending)
    if (url.startsWith('sqlite:')) t.assert.ok(!existsSync(url.slice('sqlite:'.length)))
    else {
      const database = await openDatabase(url, { migrations })
      t.after(() => database.close())
      await t.assert.rejects(database.ping(), { message: /does not exist/ })
    }
    t.assert.deepEqual(await migrate('up'), names)
    t.assert.deepEqual(
      await migrate('status'),
      names.map((name) => `${name} applied`),
    )
  })

  test('what was committed is there after closing and reopening', async (t: TestContext) => {
    const url = createUrl(t)
    const first = await open(t, url)
    await add(first.query, 'a').execute()
    await first.close()
    const second = await open(t, url)
    t.assert.equal(await count(second.query), 1)
  })

  test('what was acknowledged is there after two writing processes were killed', async (t: TestContext) => {
    const url = createUrl(t)
    const acknowledged: string[] = []
    const children = ['one', 'two'].map((name) =>
      fork(new URL('./database-process.ts', import.meta.url), [url, name, '20']),
    )
    await Promise.all(
      children.map(async (child) => {
        let acknowledgedByChild = 0
        const enough = Promise.withResolvers<void>()
        child.on('message', (id) => {
          acknowledged.push(String(id))
          acknowledgedByChild += 1
          if (acknowledgedByChild === 500) enough.resolve()
        })
        await enough.promise
        const exited = once(child, 'exit')
        child.kill('SIGKILL')
        await exited
      }),
    )
    const { query } = await open(t, url)
    const kept = new Set((await query.selectFrom('account').select('id').execute()).map(({ id }) => id))
    t.assert.ok(acknowledged.length >= 1000)
    t.assert.deepEqual(
      acknowledged.filter((id) => !kept.has(id)),
      [],
    )
  })

  test('a process sees what another one committed', async (t: TestContext) => {
    const url = createUrl(t)
    const { query } = await open(t, url)
    const child = fork(new URL('./database-process.ts', import.meta.url), [url, 'child'])
    const exited = once(child, 'exit')
    for (let seen = 0; seen < 20; seen += 1) {
      const [id] = await once(child, 'message')
      const found = await query.selectFrom('account').select('id').where('id', '=', String(id)).execute()
      t.assert.equal(found.length, 1)
    }
    child.disconnect()
    await exited
  })
}

function testClosing(createUrl: CreateDatabaseUrl): void {
  test('closing waits for the units that are pending', async (t: TestContext) => {
    const url = createUrl(t)
    const { query, commit, close } = await open(t, url)
    const adding = Array.from({ length: 3000 }, (_, i) => commit([add(query, `${i}`).compile()]))
    const [outcomes] = await Promise.all([Promise.allSettled(adding), close()])
    const added = outcomes.filter(({ status }) => status === 'fulfilled').length
    const again = await open(t, url)
    t.assert.equal(added, 3000)
    t.assert.equal(await count(again.query), 3000)
  })

  test('a closed database refuses reads, writes and pings, and closing again is no error', async (t: TestContext) => {
    const { query, close, ping } = await open(t, createUrl(t))
    await ping()
    await Promise.all([close(), close()])
    await close()
    const isDown = (error: unknown) => error instanceof AppError && error.code === 'dependency_down'
    await t.assert.rejects(add(query, 'a').execute(), isDown)
    await t.assert.rejects(query.selectFrom('account').selectAll().execute(), isDown)
    await t.assert.rejects(ping(), isDown)
  })
}
