import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createFileUrl, freshDatabase } from '@quintet/chassis/testing'
import { checked, openByHand } from '@quintet/chassis/testing/by-hand'
import { migrations } from '../src/database.ts'
import { eventually, startReceiver } from './start-receiver.ts'
import { createWorld, opaque } from './world.ts'

/** Two certificates, whose rows a test may change. */
async function world(t: TestContext, settings: Record<string, string> = {}) {
  const fresh = await freshDatabase(migrations)
  const url = fresh === 'sqlite::memory:' ? createFileUrl(t) : fresh
  const world = await createWorld(t, { CERTIFICATES_DATABASE_URL: url, ...settings })
  const user = await world.addUser()
  const certificates = [await world.addCertificate(opaque, user), await world.addCertificate(opaque, user)]
  const byHand = await openByHand(t, { url, app: world.app })
  return { ...world, certificates, byHand, check: (id: string) => checked(world, id) }
}

test('Private keys that are encrypted for their records are found so', async (t) => {
  const { check, logged } = await world(t)
  assert.deepEqual(await check('sealed-keys'), {
    verdict: 'kept',
    found: '2 private keys at random: each is encrypted, for its own record.',
    sample: 2,
  })
  assert.ok(!logged().includes(opaque.private_key))
})

for (const [what, change] of Object.entries({
  'A private key that is stored as it is': `ciphertext = '${opaque.private_key}'`,
  'A private key that was moved to another record':
    'ciphertext = (select ciphertext from certificate as other where id = 2), wrapped_key = (select wrapped_key from certificate as other where id = 2)',
}))
  test(`${what} is found and named, and not shown`, async (t) => {
    const { check, byHand, logged } = await world(t)
    await byHand(`update certificate set ${change} where id = 1`)
    assert.deepEqual(await check('sealed-keys'), {
      verdict: 'broken',
      found: 'private key 1: it is not encrypted, or not for the record of the certificate with this id.',
      sample: 2,
    })
    assert.match(logged(), /"promise":"sealed-keys".*"msg":"a promise is broken"/)
    assert.ok(!logged().includes(opaque.private_key))
  })

test('Whether private keys are encrypted is unknown where this process does not have their key', async (t) => {
  const { check, byHand } = await world(t)
  await byHand(`update certificate set key_id = 'another' where id = 1`)
  assert.deepEqual(await check('sealed-keys'), {
    verdict: 'unknown',
    found: 'Private keys are encrypted with a key that this process does not have.',
    sample: 0,
  })
})

test('A pending notification has a message while its receiver is down, and one without is found and named', async (t) => {
  const { settings, received } = await startReceiver(t, () => 500)
  const { check, byHand, certificates, patch } = await world(t, settings)
  const [certificate = ''] = certificates
  await patch(certificate, { active: false, notify: true })
  await eventually(
    () => received.length,
    (count) => count > 0,
  )
  assert.deepEqual(await check('notifications'), {
    verdict: 'kept',
    found: '1 notification pending for longest: each has a message in the outbox or in the queue.',
    sample: 1,
  })
  assert.equal((await check('outbox')).verdict, 'kept')
  await byHand(
    `insert into notification (delivery_id, certificate_id, event, body, status, created_at, changed_at)
     values ('lost', 1, 'certificate.active_changed', '{}', 'pending', 1, 1)`,
  )
  assert.deepEqual(await check('notifications'), {
    verdict: 'broken',
    found: 'notification lost: it has no message in the outbox or in the queue.',
    sample: 2,
  })
})
