import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openDatabase } from '@quintet/chassis/database'
import { freshDatabase } from '@quintet/chassis/testing'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { createCertificateStore } from '../src/certificate-store.ts'
import { createDeletion } from '../src/deletion.ts'
import { migrations } from '../src/database.ts'
import type { CertificatesTables } from '../src/database.ts'
import { createExpiryNotices } from '../src/expiry-notices.ts'
import { createNotificationStore } from '../src/notification-store.ts'

test('Two concurrent sweeps send each expiry notice once', async (t) => {
  const clock = createManualClock(0)
  const database = await openDatabase<CertificatesTables>(await freshDatabase(migrations), { migrations })
  t.after(() => database.close())
  const notifications = createNotificationStore({ database, clock, hasReceiver: false })
  const parts = { database, notifications, clock, wake: () => {} }
  const certificates = createCertificateStore({ ...parts, deletion: createDeletion(parts.database) })
  const expiryNotices = createExpiryNotices(parts)
  const user = { name: 'Ada', email: 'a', email_key: 'a', password_hash: '', version: 1 }
  await database.query.insertInto('user').values(user).execute()
  const envelope = { keyId: 'k', wrappedKey: 'w', ciphertext: 'c' }
  const description = {
    subject: '',
    subject_alternative_names: [],
    issuer: '',
    serial_number: '',
    not_before: '',
    not_after: '',
    key_type: '',
    fingerprint_sha256: '',
  }
  const inspected = { description, notBeforeMs: 0, notAfterMs: 90_000 }
  for (const uid of ['a', 'b', 'c'])
    await certificates.create({ uid, userId: 1, active: true, body: 'x', envelope, inspected }, [])
  clock.set(60_000)
  assert.deepEqual(await Promise.all([expiryNotices.sweep(10), expiryNotices.sweep(10)]), [3, 3])
  assert.equal(await expiryNotices.sweep(10), 0)
  for (const certificateId of [1, 2, 3])
    assert.equal((await notifications.list({ certificateId, after: 0, limit: 10 })).length, 1)
})
