import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '@quintet/chassis/errors'
import { checkOutbox, createSqlOutbox, outboxStatement } from '@quintet/chassis/outbox'
import type { OutboxTable } from '@quintet/chassis/outbox'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { migrateDatabase, openDatabase } from '@quintet/chassis/database'
import { migrations } from './database-world.ts'
import type { CreateDatabaseUrl } from './database-world.ts'

const look = { sampleMax: 10, hasTime: () => true }

/** What the check of an outbox finds on an engine. */
export function testOutboxCheck(name: string, createUrl: CreateDatabaseUrl): void {
  test(`${name}: a message that has waited in the outbox for a minute while the queue responds is found and named`, async (t) => {
    const url = createUrl(t)
    if (!url.startsWith('sqlite:')) await migrateDatabase(url, { migrations }, 'up')
    const database = await openDatabase<OutboxTable>(url, { migrations })
    t.after(() => database.close())
    const insert = outboxStatement(database.query, 'work')
    // Its time of creation says nothing, since it is by the clock of another process.
    const add = (key: string) => database.commit([insert({ key, body: key, createdAt: 0, id: key })])
    const clock = createManualClock(0)
    const outbox = createSqlOutbox(database)
    let isQueueUp = true
    const ping = async () => {
      if (!isQueueUp) throw new AppError('dependency_down', 'The queue does not respond.')
    }
    const check = checkOutbox({ outbox, queue: { ping }, clock })
    const found = async () => {
      const { verdict, found } = await check(look)
      return `${verdict}: ${found.replace(/\d+ of/, 'N of')}`
    }

    assert.equal(await found(), 'kept: No message waits in the outbox.')
    await add('a')
    assert.equal(await found(), 'kept: Message N of the outbox has waited for at least 0 s.')
    clock.advance(60_000)
    assert.equal(await found(), 'kept: Message N of the outbox has waited for at least 60 s.')
    clock.advance(1_000)
    assert.equal(
      await found(),
      'broken: Message N of the outbox has waited for at least 61 s, although the queue responds.',
    )
    isQueueUp = false
    await assert.rejects(check(look), { code: 'dependency_down' })

    // Another message is the oldest, so that the outbox is not stuck.
    await add('b')
    await outbox.remove(await outbox.oldest(1), undefined)
    assert.equal(await found(), 'kept: Message N of the outbox has waited for at least 0 s.')
  })
}
