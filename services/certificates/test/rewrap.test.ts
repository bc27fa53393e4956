import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createEnvelopes } from '../src/envelope.ts'
import { createKeyring } from '../src/keyring.ts'
import { rewrapCertificates } from '../src/rewrap.ts'
import { configOf, createWorld, dataFolder, opaque } from './world.ts'

const [first, second] = [randomBytes(32), randomBytes(32)]
const idOf = (key: Buffer) => createKeyring([key]).current.id

/** A service on a SQLite file, the settings for given keys, and access to its table. */
async function createRotationWorld(t: TestContext) {
  const folder = dataFolder(t)
  const settingsOf = (...keys: Buffer[]) => ({
    DATA_DIR: folder,
    CERTIFICATES_DATABASE_URL: `sqlite:${join(folder, 'certificates.db')}`,
    CERTIFICATES_KEY: keys.map((key) => key.toString('hex')).join(','),
  })
  const world = await createWorld(t, settingsOf(first))
  const table = () => {
    const database = new DatabaseSync(join(folder, 'certificates.db'))
    try {
      return database.prepare('select * from certificate order by id').all()
    } finally {
      database.close()
    }
  }
  const change = (sql: string) => {
    const database = new DatabaseSync(join(folder, 'certificates.db'))
    database.exec(sql)
    database.close()
  }
  return {
    ...world,
    settingsOf,
    table,
    change,
    rewrap: (...keys: Buffer[]) => rewrapCertificates(configOf(settingsOf(...keys))),
  }
}

function openRow(row: Record<string, unknown>, ...keys: Buffer[]): string {
  const { key_id: keyId, wrapped_key: wrappedKey, ciphertext, uid, user_id: userId } = row
  const envelope = { keyId: String(keyId), wrappedKey: String(wrappedKey), ciphertext: String(ciphertext) }
  const opened = createEnvelopes(createKeyring(keys)).open(envelope, {
    uid: String(uid),
    userId: Number(userId),
  })
  return Buffer.from(opened).toString()
}

test('Rewrapping moves every record to the current key while the service runs, and leaves the ciphertexts unchanged', async (t) => {
  const world = await createRotationWorld(t)
  const user = await world.addUser()
  const adding = Array.from({ length: 450 }, () => world.addCertificate(opaque, user))
  await Promise.all(adding)
  const etag = (await world.get(`${user}/certificates/450`)).headers.etag
  const before = world.table()
  assert.deepEqual(await world.rewrap(second, first), { keyId: idOf(second), moved: 450, broken: [] })
  const after = world.table()
  assert.ok(after.every((row) => row.key_id === idOf(second) && openRow(row, second) === 'a private key'))
  assert.deepEqual(
    after.map(({ ciphertext }) => ciphertext),
    before.map(({ ciphertext }) => ciphertext),
  )
  assert.equal((await world.get(`${user}/certificates/450`)).headers.etag, etag)
  assert.deepEqual(await world.rewrap(second), { keyId: idOf(second), moved: 0, broken: [] })
  await world.addCertificate(opaque, user)
  assert.equal((await world.rewrap(second, first)).moved, 1)
})

test('A ciphertext that was moved to another record cannot be decrypted, is reported, and is left unchanged', async (t) => {
  const world = await createRotationWorld(t)
  const user = await world.addUser()
  for (const body of ['one', 'two', 'three']) await world.addCertificate({ ...opaque, body }, user)
  world.change(
    'update certificate set (wrapped_key, ciphertext) = (select wrapped_key, ciphertext from certificate where id = 1) where id = 2',
  )
  const moved = world.table()[1]
  assert.throws(() => openRow(moved ?? {}, first), /belongs to another record/)
  const { moved: count, broken } = await world.rewrap(second, first)
  assert.equal(count, 2)
  assert.deepEqual(broken, [
    { id: 2, reason: 'The encrypted text was modified or belongs to another record.' },
  ])
  assert.deepEqual(world.table()[1], moved)
})

test('Records whose key is not given are reported with its id and left unchanged', async (t) => {
  const world = await createRotationWorld(t)
  await world.addCertificate()
  const { moved, broken } = await world.rewrap(second)
  assert.equal(moved, 0)
  assert.deepEqual(broken, [{ id: 1, reason: `The key ${idOf(first)} is not among those given.` }])
  assert.equal(openRow(world.table()[0] ?? {}, first), 'a private key')
})

test('A start without the key of a record is rejected with the id of the key; one with both keys succeeds', async (t) => {
  const world = await createRotationWorld(t)
  await world.addCertificate()
  await assert.rejects(createWorld(t, world.settingsOf(second)), (error) => {
    assert.match(String(error), new RegExp(`^ConfigError: .* ${idOf(first)}, .* ${idOf(second)}\\.$`))
    return true
  })
  const both = await createWorld(t, world.settingsOf(second, first))
  assert.equal((await both.get('/users/1/certificates/1')).statusCode, 200)
})
