import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openDatabase } from '@quintet/chassis/database'
import type { Database, Statement } from '@quintet/chassis/database'
import { createFileUrl, freshDatabase, until } from '@quintet/chassis/testing'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { sql } from 'kysely'
import { migrations } from '../src/database.ts'
import type { CertificatesTables } from '../src/database.ts'
import { createDeletion } from '../src/deletion.ts'
import { createNotificationStore } from '../src/notification-store.ts'
import { createWorld, startMs } from './world.ts'

type CertificatesDatabase = Database<CertificatesTables>

const kinds = ['user', 'certificate', 'notification', 'delivery_attempt'] as const

async function countsOf({ query }: CertificatesDatabase): Promise<number[]> {
  return Promise.all(kinds.map(async (kind) => (await query.selectFrom(kind).select('id').execute()).length))
}

/** Adds two users, and certificates of these users. */
async function addRows({ query }: CertificatesDatabase, owners: readonly number[]): Promise<void> {
  const user = { password_hash: 'h', version: 1 }
  for (const name of ['a', 'b'])
    await query
      .insertInto('user')
      .values({ ...user, name, email: name, email_key: name })
      .execute()
  const row = { uid: '', active: 1, version: 1, key_id: 'k', wrapped_key: 'w', ciphertext: 'c', body: 'x' }
  for (const user_id of owners)
    await query
      .insertInto('certificate')
      .values({ ...row, user_id })
      .execute()
}

/** Adds as many notifications to each certificate, each with as many attempts. */
async function addNotifications(
  { query }: CertificatesDatabase,
  { count, attempts }: { count: number; attempts: number },
): Promise<void> {
  await sql`
    insert into notification (delivery_id, certificate_id, event, body, status, created_at, changed_at)
    with recursive n(i) as (select 1 union all select i + 1 from n where i < ${sql.lit(count)})
    select certificate.id || '-' || i, certificate.id, 'certificate.expiring', '{}', 'failed', ${sql.lit(startMs)}, ${sql.lit(startMs)}
    from certificate cross join n`.execute(query)
  if (attempts === 0) return
  await sql`
    insert into delivery_attempt (notification_id, at, error)
    with recursive n(i) as (select 1 union all select i + 1 from n where i < ${sql.lit(attempts)})
    select notification.id, 1, 'no response' from notification cross join n`.execute(query)
}

for (const [what, certificates, count, attempts, perUnitMax] of [
  ['a certificate with many notifications', 1, 3_500, 1, 2_100],
  ['a certificate whose notifications have many attempts', 1, 500, 36, 6_000],
  ['a user whose certificates have many notifications together', 50, 100, 2, 3_100],
] as const)
  test(`No unit removes more than a bounded number of rows of ${what}`, async (t) => {
    const database = await openDatabase<CertificatesTables>('sqlite::memory:', { migrations })
    t.after(() => database.close())
    await addRows(database, [1, 2, ...Array(certificates - 1).fill(1)])
    await addNotifications(database, { count, attempts })
    const removed: number[] = []
    const sum = async () => (await countsOf(database)).reduce((all, one) => all + one)
    const commit = async (unit: readonly Statement[]) => {
      const before = await sum()
      const outcome = await database.commit(unit)
      removed.push(before - (await sum()))
      return outcome
    }
    const deletion = createDeletion({ ...database, commit })
    const unit =
      certificates === 1
        ? await deletion.unitOfCertificate({ userId: 1, id: 1 }, 1)
        : await deletion.unitOf(1, null)
    assert.equal((await commit(unit)).failedStatement, undefined)
    while ((await deletion.sweep(500)) === 500);
    assert.ok(removed.length > 2 && Math.max(...removed) <= perUnitMax, `${removed}`)
    assert.deepEqual(await countsOf(database), [certificates === 1 ? 2 : 1, 1, count, count * attempts])
  })

test('A user is removed although a certificate of another one between its own has many notifications', async (t) => {
  const database = await openDatabase<CertificatesTables>('sqlite::memory:', { migrations })
  t.after(() => database.close())
  await addRows(database, [1, 2, 1])
  await addNotifications(database, { count: 1_500, attempts: 0 })
  const deletion = createDeletion(database)
  await database.commit(await deletion.unitOf(1, null))
  for (let sweeps = 0; sweeps < 10; sweeps++) await deletion.sweep(500)
  assert.deepEqual(await countsOf(database), [1, 1, 1_500, 0])
})

test('Notifications that are older than the log are removed in units of bounded size', async (t) => {
  const database = await openDatabase<CertificatesTables>('sqlite::memory:', { migrations })
  t.after(() => database.close())
  await addRows(database, [1])
  await addNotifications(database, { count: 600, attempts: 36 })
  const clock = createManualClock(startMs + 31 * 86_400_000)
  const { sweep } = createNotificationStore({ database, clock, hasReceiver: true })
  const removed: number[] = []
  const attempts = async () => (await countsOf(database))[3] ?? 0
  for (let [more, left] = [true, await attempts()]; more; ) {
    more = (await sweep(500)) === 500
    removed.push(left - (await attempts()))
    left = await attempts()
  }
  assert.ok(removed.length > 2 && Math.max(...removed) <= 6_000, `${removed}`)
  assert.deepEqual(await countsOf(database), [2, 1, 0, 0])
})

test('A certificate with many notifications is gone at once with all of them, which are removed soon', async (t) => {
  const server = process.env.TEST_DATABASE
  const url = server === undefined ? createFileUrl(t) : await freshDatabase(migrations)
  const database = await openDatabase<CertificatesTables>(url, { migrations })
  t.after(() => database.close())
  const world = await createWorld(t, { CERTIFICATES_DATABASE_URL: url })
  const user = await world.addUser()
  const [many, few] = [
    await world.addCertificate(undefined, user),
    await world.addCertificate(undefined, user),
  ]
  await addNotifications(database, { count: 1_500, attempts: 1 })
  const { etag } = (await world.get(many)).headers
  assert.equal((await world.delete(many, { 'if-match': '"7"' })).statusCode, 412)
  assert.equal((await world.get(many)).headers.etag, etag)
  const both = await Promise.all([world.delete(many, { 'if-match': String(etag) }), world.delete(many)])
  assert.deepEqual(both.map(({ statusCode }) => statusCode).sort(), [204, 404])
  const gone = [
    await world.get(many),
    await world.patch(`${many}/active`, { active: true, notify: true }),
    await world.delete(many),
    await world.get(`${many}/notifications`),
  ]
  assert.deepEqual(
    gone.map(({ statusCode }) => statusCode),
    gone.map(() => 404),
  )
  assert.equal((await world.get(`${user}/certificates`)).json().length, 1)
  assert.equal((await world.get(few)).statusCode, 200)
  await until(async () => `${await countsOf(database)}` === '1,1,1500,1500')
})
