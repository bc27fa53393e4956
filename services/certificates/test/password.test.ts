import assert from 'node:assert/strict'
import { argon2Sync, createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'node:test'
import { AppError } from '@quintet/chassis/errors'
import bcrypt from 'bcryptjs'
import { createPasswords } from '../src/password.ts'

const legacyHash = (password: string, cost = 4) =>
  bcrypt.hashSync(createHash('sha256').update(password).digest('base64'), cost)

test('A hash is argon2id in PHC form, with a new salt each time, and does not contain the password', async () => {
  const { hash } = createPasswords()
  const [first, second] = await Promise.all([hash('correct horse'), hash('correct horse')])
  assert.match(first, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
  assert.notEqual(first, second)
  assert.ok(!first.includes('correct'))
})

test('Only the password itself verifies against its hash', async () => {
  const { hash, verify } = createPasswords()
  const phc = await hash('correct horse')
  assert.equal(await verify('correct horse', phc), true)
  for (const other of ['correct horse ', 'Correct horse', '', 'correct\0horse'])
    assert.equal(await verify(other, phc), false)
})

test('A hash by another implementation verifies, whatever its costs, and is outdated', async () => {
  const { verify, isOutdated } = createPasswords()
  const parameters = { message: 'secret', memory: 64, passes: 3, parallelism: 2, tagLength: 16 }
  const tag = argon2Sync('argon2id', { ...parameters, nonce: Buffer.from('somesalt') })
  const phc = `$argon2id$v=19$m=64,t=3,p=2$c29tZXNhbHQ$${tag.toString('base64').replace(/=+$/, '')}`
  assert.equal(await verify('secret', phc), true)
  assert.equal(await verify('Secret', phc), false)
  assert.equal(isOutdated(phc), true)
})

test('A hash with the current costs is not outdated', async () => {
  const { hash, isOutdated } = createPasswords()
  assert.equal(isOutdated(await hash('secret')), false)
})

test('A password is the same however its characters are composed', async () => {
  const { hash, verify } = createPasswords()
  assert.equal(await verify('cafe\u0301', await hash('caf\u00e9')), true)
})

test('bcrypt over the base64 of the SHA-256 verifies, and is outdated', async () => {
  const { verify, isOutdated } = createPasswords()
  const long = 'x'.repeat(100)
  assert.equal(await verify(long, legacyHash(long)), true)
  assert.equal(await verify(`${long}y`, legacyHash(long)), false)
  assert.equal(isOutdated(legacyHash('secret')), true)
})

test('Without a hash no password verifies, and finding that out takes as long as with one', async () => {
  const { verify } = createPasswords()
  const startedAt = process.cpuUsage()
  assert.equal(await verify('secret', undefined), false)
  assert.ok(process.cpuUsage(startedAt).user > 5_000)
})

test('A stored hash of an unknown form or with excessive costs is an error, not a wrong password', async () => {
  const { verify } = createPasswords()
  const tail = '$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA'
  for (const phc of [
    'secret',
    '',
    `$argon2i$v=19$m=64,t=3,p=2${tail}`,
    `$argon2id$v=19$m=999999999,t=1,p=1${tail}`,
    `$argon2id$v=19$m=64,t=999,p=1${tail}`,
    `$2b$31$${'a'.repeat(53)}`,
  ])
    await assert.rejects(verify('secret', phc), /^Error: A stored .* exceeds the limits\.$/)
})

for (const [name, work] of [
  ['Hashing', (passwords) => passwords.hash('secret')],
  ['Verifying a legacy hash', (passwords) => passwords.verify('secret', legacyHash('other', 10))],
] as const satisfies readonly (readonly [
  string,
  (passwords: ReturnType<typeof createPasswords>) => Promise<unknown>,
])[])
  test(`${name} does not block the event loop`, async () => {
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    const before = turns
    await work(createPasswords())
    clearInterval(timer)
    assert.ok(turns - before >= 10, `${turns - before} turns`)
  })

test('Beyond the limit of waiting hashes one is rejected as overloaded, and the waiting ones complete', async () => {
  const { hash } = createPasswords({ waitingMax: 2 })
  const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => hash('secret')))
  const refused = outcomes.filter(({ status }) => status === 'rejected')
  assert.ok(refused.length >= 7 && refused.length < 12)
  for (const outcome of refused)
    assert.ok(
      'reason' in outcome && outcome.reason instanceof AppError && outcome.reason.code === 'overloaded',
    )
  await pause(0)
  assert.ok(await hash('secret'), 'the slots are free again')
})
