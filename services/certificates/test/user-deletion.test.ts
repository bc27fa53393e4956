import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openDatabase } from '@quintet/chassis/database'
import type { Database, Statement } from '@quintet/chassis/database'
import { createFileUrl, freshDatabase, until } from '@quintet/chassis/testing'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { sql } from 'kysely'
import { migrations } from '../src/database.ts'
import type { CertificatesTables } from '../src/database.ts'
import { createExpiryNotices } from '../src/expiry-notices.ts'
import { createNotificationStore } from '../src/notification-store.ts'
import { createDeletion } from '../src/deletion.ts'
import { makeCertificate } from './make-certificate.ts'
import { ada, createWorld, opaque, startMs } from './world.ts'

type CertificatesDatabase = Database<CertificatesTables>

/** Certificates that expire before any other, with the description of the first one there is. */
async function addCertificates(
  { query }: CertificatesDatabase,
  { userId, count, body = 'x' }: { userId: number; count: number; body?: string },
): Promise<void> {
  await sql`
    insert into certificate (uid, user_id, active, version, not_before, not_after, notice_at, key_id, wrapped_key, ciphertext, body, x509)
    with recursive n(i) as (select 1 union all select i + 1 from n where i < ${sql.lit(count)})
    select '', cast(${userId} as bigint), 1, 1, 0, i, 1, 'k', 'w', 'c', ${body},
      coalesce((select x509 from certificate where id = 1), '{}') from n`.execute(query)
}

async function addUser({ query }: CertificatesDatabase, email: string): Promise<void> {
  const user = { name: email, email, email_key: email, password_hash: 'h', version: 1 }
  await query.insertInto('user').values(user).execute()
}

async function open(t: TestContext): Promise<CertificatesDatabase> {
  const database = await openDatabase<CertificatesTables>('sqlite::memory:', { migrations })
  t.after(() => database.close())
  return database
}

async function countOf({ query }: CertificatesDatabase, table: 'user' | 'certificate'): Promise<number> {
  const rows = await query.selectFrom(table).select('id').execute()
  return rows.length
}

test('A user with many certificates and all of these are gone at once, and are removed soon', async (t) => {
  const server = process.env.TEST_DATABASE
  const url = server === undefined ? createFileUrl(t) : await freshDatabase(migrations)
  const database = await openDatabase<CertificatesTables>(url, { migrations })
  t.after(() => database.close())
  const world = await createWorld(t, { CERTIFICATES_DATABASE_URL: url })
  const user = await world.addUser()
  const other = await world.addUser({ ...ada, email: 'other@example.com' })
  const x509 = makeCertificate({ notBefore: startMs, notAfter: startMs + 86_400_000 })
  const private_key = x509.privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64')
  await world.addCertificate({ private_key, active: true, body: x509.pem }, other)
  await addCertificates(database, { userId: 1, count: 2_500 })
  const last = `${user}/certificates/2501`
  assert.equal((await world.get(last)).statusCode, 200)

  assert.equal((await world.delete(user)).statusCode, 204)
  const gone = [
    await world.get(user),
    await world.patch(user, { name: 'Eve' }),
    await world.delete(user),
    await world.get(`${user}/certificates`),
    await world.post(`${user}/certificates`, opaque),
    await world.get(last),
    await world.patch(`${last}/active`, { active: false, notify: true }),
    await world.delete(last),
    await world.get(`${last}/notifications`),
  ]
  assert.deepEqual(
    gone.map(({ statusCode }) => statusCode),
    gone.map(() => 404),
  )
  const login = await world.post('/users/login', { email: ada.email, password: ada.password })
  assert.equal(login.statusCode, 401)
  assert.equal((await world.post('/users', ada)).statusCode, 201)
  const owners: number[] = []
  for (let next: string | undefined = '/certificates?limit=1000'; next !== undefined; ) {
    const page: Awaited<ReturnType<typeof world.get>> = await world.get(next)
    owners.push(...page.json().map((one: { user_id: number }) => one.user_id))
    next = /<(.*)>/.exec(String(page.headers.link ?? ''))?.[1]
  }
  assert.deepEqual(owners, [2])

  await until(async () => (await countOf(database, 'user')) === 2)
  assert.equal(await countOf(database, 'certificate'), 1)
  assert.equal((await world.get(`${other}/certificates`)).json().length, 1)
})

for (const [kind, count, body, perUnitMax] of [
  ['small', 2_500, 'x', 1_000],
  ['large', 100, 'x'.repeat(150_000), 28],
] as const)
  test(`No unit removes more than a bounded number of ${kind} certificates`, async (t) => {
    const database = await open(t)
    for (const email of ['a', 'b']) await addUser(database, email)
    await addCertificates(database, { userId: 1, count, body })
    await addCertificates(database, { userId: 2, count: 2, body })
    const removed: number[] = []
    const commit = async (unit: readonly Statement[]) => {
      const before = await countOf(database, 'certificate')
      const outcome = await database.commit(unit)
      removed.push(before - (await countOf(database, 'certificate')))
      return outcome
    }
    const deletion = createDeletion({ ...database, commit })
    const { results } = await commit(await deletion.unitOf(1, null))
    assert.equal(results[0]?.changes, 1)
    while ((await deletion.sweep(500)) === 500);
    assert.ok(Math.max(...removed) <= perUnitMax, `${removed}`)
    assert.equal(await countOf(database, 'certificate'), 2)
    assert.equal(await countOf(database, 'user'), 1)
  })

test('A user with few certificates is removed with them in one unit, and one of another version is not', async (t) => {
  const database = await open(t)
  await addUser(database, 'a')
  await addCertificates(database, { userId: 1, count: 10 })
  const deletion = createDeletion(database)
  const refused = await database.commit(await deletion.unitOf(1, 7))
  assert.deepEqual([refused.results[0]?.changes, await countOf(database, 'certificate')], [0, 10])
  const { results } = await database.commit(await deletion.unitOf(1, 1))
  assert.equal(results[0]?.changes, 1)
  assert.deepEqual([await countOf(database, 'user'), await countOf(database, 'certificate')], [0, 0])
  assert.equal(await deletion.sweep(500), 0)
})

test('No notice is sent for the certificates of a user that is marked as deleted', async (t) => {
  const database = await open(t)
  const clock = createManualClock(startMs)
  await addUser(database, 'a')
  await addCertificates(database, { userId: 1, count: 1_100 })
  const notifications = createNotificationStore({ database, clock, hasReceiver: false })
  const notices = createExpiryNotices({ database, notifications, clock, wake() {} })
  await database.commit(await createDeletion(database).unitOf(1, null))
  assert.equal(await countOf(database, 'certificate'), 100)
  assert.equal(await notices.sweep(500), 100)
  assert.deepEqual(await database.query.selectFrom('notification').selectAll().execute(), [])
})
