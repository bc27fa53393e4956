import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openDatabase } from '@quintet/chassis/database'
import { freshDatabase } from '@quintet/chassis/testing'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { migrations } from '../src/database.ts'
import type { CertificatesTables } from '../src/database.ts'
import { createNotificationStore } from '../src/notification-store.ts'

const attemptsEach = 36

/** A delivery log on a database with a certificate. */
async function createLog(t: TestContext, { hasReceiver }: { hasReceiver: boolean }) {
  const database = await openDatabase<CertificatesTables>(await freshDatabase(migrations), { migrations })
  t.after(() => database.close())
  const notifications = createNotificationStore({ database, clock: createManualClock(0), hasReceiver })
  const { query } = database
  const user = { name: 'Ada', email: 'a', email_key: 'a', password_hash: '', version: 1 }
  await query.insertInto('user').values(user).execute()
  const key = { key_id: 'k', wrapped_key: 'w', ciphertext: 'c' }
  const times = { not_before: null, not_after: null, notice_at: null, x509: null }
  const certificate = { uid: 'a', user_id: 1, active: 1, version: 1, body: 'x', ...key, ...times }
  await query.insertInto('certificate').values(certificate).execute()
  const add = () =>
    database.commit(notifications.statementsOf(1, { event: 'certificate.active_changed', body: {} }))
  return { notifications, query, add }
}

test('What was delivered stays so, whatever an attempt that began before has come to', async (t) => {
  const { notifications, query, add } = await createLog(t, { hasReceiver: true })
  await add()
  const { delivery_id } = await query
    .selectFrom('notification')
    .select('delivery_id')
    .executeTakeFirstOrThrow()
  await notifications.logAttempt(delivery_id, { at: 1, status: 204 }, 'delivered')
  for (const status of ['pending', 'failed'] as const) {
    await notifications.logAttempt(delivery_id, { at: 2, error: 'timeout' }, status)
    assert.equal((await notifications.progressOf(delivery_id))?.status, 'delivered')
  }
  assert.equal((await notifications.progressOf(delivery_id))?.attempts, 3)
})

test('The attempts of notifications count for the size of a page, and each has its own', async (t) => {
  const { notifications, query, add } = await createLog(t, { hasReceiver: false })
  for (let n = 0; n < 40; n += 1) await add()
  const sent = await query.selectFrom('notification').select(['id', 'delivery_id']).orderBy('id').execute()
  for (const { id, delivery_id } of sent)
    for (let at = 0; at < attemptsEach; at += 1)
      await notifications.logAttempt(delivery_id, { at, error: `${id} ${'x'.repeat(90)}` }, 'pending')
  const read: number[] = []
  for (let after = 0; read.length < sent.length; after = read.at(-1) ?? after) {
    const page = await notifications.list({ certificateId: 1, after, limit: 1_000, bytesMax: 65_536 })
    assert.ok(page.length > 0 && page.length <= 10, String(page.length))
    for (const { id, attempts } of page) {
      assert.equal(attempts.length, attemptsEach)
      assert.ok(attempts.every(({ error }) => error?.startsWith(`${id} `)))
    }
    read.push(...page.map(({ id }) => id))
  }
  assert.deepEqual(
    read,
    sent.map(({ id }) => id),
  )
})
