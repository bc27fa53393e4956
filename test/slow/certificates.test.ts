import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { call, dataFolder, run } from '../system/processes.ts'

const start = ['quintet.ts', 'start', 'certificates']
const rewrap = ['quintet.ts', 'certificates', 'rewrap']
const newKey = () => randomBytes(32).toString('hex')

async function addCertificate(address: string): Promise<void> {
  const user = { name: 'Ada', email: 'ada@example.com', password: 'correct horse' }
  await call('POST', `${address}/users`, user)
  const certificate = { private_key: 'YQ==', active: true, body: 'test body' }
  assert.equal((await call('POST', `${address}/users/1/certificates`, certificate))?.status, 201)
}

test('The key is replaced by a start with both keys, a rewrap while the service runs, and a start with the new key', async (t) => {
  const DATA_DIR = dataFolder(t)
  const [older, newer] = [newKey(), newKey()]
  const first = run(t, start, { DATA_DIR, CERTIFICATES_KEY: older })
  await addCertificate(await first.address('certificates'))
  await first.kill('SIGTERM')

  const withoutIt = run(t, start, { DATA_DIR, CERTIFICATES_KEY: newer })
  await assert.rejects(withoutIt.address('certificates'))
  assert.equal(withoutIt.child.exitCode, 1)
  assert.match(withoutIt.output(), /^Some private keys are encrypted with the key [0-9a-f]{16}, /)

  const both = { DATA_DIR, CERTIFICATES_KEY: `${newer},${older}` }
  const address = await run(t, start, both).address('certificates')
  for (const moved of [1, 0]) {
    const rewrapping = run(t, rewrap, both)
    await assert.rejects(rewrapping.address('never'))
    assert.equal(rewrapping.child.exitCode, 0)
    assert.match(
      rewrapping.output(),
      new RegExp(`^${moved} private keys were moved to the key [0-9a-f]{16}\\.\n$`),
    )
  }
  assert.equal((await call('GET', `${address}/users/1/certificates/1`))?.status, 200)
  const last = run(t, start, { DATA_DIR, CERTIFICATES_KEY: newer })
  assert.equal((await call('GET', `${await last.address('certificates')}/users/1`))?.status, 200)
})

test('Records that rewrap cannot decrypt are named, and it exits with 1', async (t) => {
  const DATA_DIR = dataFolder(t)
  await addCertificate(await run(t, start, { DATA_DIR, CERTIFICATES_KEY: newKey() }).address('certificates'))
  const rewrapping = run(t, rewrap, { DATA_DIR, CERTIFICATES_KEY: newKey() })
  await assert.rejects(rewrapping.address('never'))
  assert.equal(rewrapping.child.exitCode, 1)
  assert.match(rewrapping.output(), /^Certificate 1 stays as it is: The key [0-9a-f]{16} is not among /m)
})

test('Without a key the first start generates one that only its owner may read, and the next start uses it', async (t) => {
  const DATA_DIR = dataFolder(t)
  const first = run(t, start, { DATA_DIR })
  await addCertificate(await first.address('certificates'))
  await first.kill('SIGKILL')
  assert.equal(statSync(join(DATA_DIR, 'certificates.key')).mode & 0o777, 0o600)
  const second = await run(t, start, { DATA_DIR }).address('certificates')
  assert.equal((await call('GET', `${second}/users/1/certificates/1`))?.status, 200)
})

for (const [title, settings, sentence] of [
  ['A key of the wrong form', { CERTIFICATES_KEY: 'hidden' }, /^CERTIFICATES_KEY must be keys of 32 bytes/],
  [
    'A receiver without a secret',
    { CERTIFICATES_NOTIFY_URL: 'http://[::1]/' },
    /^CERTIFICATES_NOTIFY_SECRET must be set/,
  ],
] as const)
  test(`${title} ends the start with a message`, async (t) => {
    for (const words of [start, ['services/certificates/src/main.ts']]) {
      const certificates = run(t, words, { DATA_DIR: dataFolder(t), ...settings })
      await assert.rejects(certificates.address('certificates'))
      assert.equal(certificates.child.exitCode, 1)
      assert.match(certificates.output(), sentence)
      assert.doesNotMatch(certificates.output(), /hidden|at .*\.ts:\d+/)
    }
  })

test('quintet certificates without a subcommand is refused with the usage', async (t) => {
  const quintet = run(t, ['quintet.ts', 'certificates'], { DATA_DIR: dataFolder(t) })
  await assert.rejects(quintet.address('never'))
  assert.equal(quintet.child.exitCode, 1)
  assert.match(quintet.output(), /quintet certificates rewrap/)
})
