import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { openDatabase } from '@quintet/chassis/database'
import { createFileUrl } from '@quintet/chassis/testing'
import { migrations } from '../src/database.ts'
import type { CertificatesTables } from '../src/database.ts'
import { examineData } from '../src/diagnosis.ts'
import { createWorld, opaque } from './world.ts'

test('Bodies with a private key that an earlier version stored are found', async (t) => {
  const url = createFileUrl(t)
  const { addUser, addCertificate } = await createWorld(t, { CERTIFICATES_DATABASE_URL: url })
  const user = await addUser()
  for (let i = 0; i < 450; i += 1) await addCertificate(opaque, user)
  assert.deepEqual(await examineData(url), [])
  const key = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' })
  const database = await openDatabase<CertificatesTables>(url, { migrations })
  await database.query
    .updateTable('certificate')
    .set({ body: String(key) })
    .where('id', 'in', [1, 420])
    .execute()
  await database.close()
  const [finding, ...others] = await examineData(url)
  assert.equal(finding?.verdict, 'weak')
  assert.match(String(finding?.text), /hold a private key, .*: 420, 1\. /)
  assert.deepEqual(others, [])
})

test('A database that is not there yet has nothing to be found', async (t) => {
  assert.deepEqual(await examineData(createFileUrl(t)), [])
})
