import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createCertificatesApp } from '../src/app.ts'
import { examineKeys } from '../src/key-check.ts'
import { rewrapCertificates } from '../src/rewrap.ts'
import { ada, configOf, dataFolder, opaque } from './world.ts'

const post = (url: string, payload: object) => ({ method: 'POST' as const, url, payload })

test('A service whose generated key file is lost does not start while private keys are stored, and generates no other', async (t) => {
  const DATA_DIR = dataFolder(t)
  const config = configOf({ DATA_DIR, CERTIFICATES_KEY: '', LOG_LEVEL: 'silent' })
  const file = join(DATA_DIR, 'certificates.key')

  // Without private keys a lost file does no harm.
  await (await createCertificatesApp(config)).close()
  rmSync(file)
  const app = await createCertificatesApp(config)
  assert.equal((await app.inject(post('/users', ada))).statusCode, 201)
  assert.equal((await app.inject(post('/users/1/certificates', opaque))).statusCode, 201)
  await app.close()

  const key = readFileSync(file)
  rmSync(file)
  const refusal = new RegExp(`^ConfigError: The key file ${file} is missing, but private keys are stored`)
  await assert.rejects(createCertificatesApp(config), refusal)
  await assert.rejects(rewrapCertificates(config), refusal)
  const [lost, ...others] = await examineKeys(config)
  assert.equal(lost?.verdict, 'broken')
  assert.match(String(lost?.text), /^The key file .* is missing, but private keys are stored/)
  assert.deepEqual(others, [])
  assert.ok(!existsSync(file))

  writeFileSync(file, randomBytes(32).toString('hex'))
  const [replaced] = await examineKeys(config)
  assert.equal(replaced?.verdict, 'broken')
  assert.match(
    String(replaced?.text),
    /^Some private keys are encrypted with the key .*, which is not among those given/,
  )

  writeFileSync(file, key)
  assert.deepEqual(await examineKeys(config), [])
  await (await createCertificatesApp(config)).close()
  assert.deepEqual((await rewrapCertificates(config)).broken, [])
})

test('A key that is set after a first start without one ends the start with what to do, which helps', async (t) => {
  const DATA_DIR = dataFolder(t)
  const common = {
    DATA_DIR,
    LOG_LEVEL: 'silent',
    CERTIFICATES_DATABASE_URL: `sqlite:${DATA_DIR}/certificates.db`,
  }
  const app = await createCertificatesApp(configOf({ ...common, CERTIFICATES_KEY: '' }))
  await app.inject(post('/users', ada))
  assert.equal((await app.inject(post('/users/1/certificates', opaque))).statusCode, 201)
  await app.close()

  const file = join(DATA_DIR, 'certificates.key')
  const added = randomBytes(32).toString('hex')
  const advice = new RegExp(
    `It is the one in ${file}, which the first start generated: remove CERTIFICATES_KEY or CERTIFICATES_KEY_FILE, whichever is set, or add that key to it after the new one, run "npm run quintet certificates rewrap"`,
  )
  const withNew = configOf({ ...common, CERTIFICATES_KEY: added })
  await assert.rejects(createCertificatesApp(withNew), advice)
  assert.match(String((await examineKeys(withNew))[0]?.text), advice)

  const generated = readFileSync(file, 'utf8').trim()
  const both = configOf({ ...common, CERTIFICATES_KEY: `${added},${generated}` })
  await (await createCertificatesApp(both)).close()
  assert.deepEqual((await rewrapCertificates(both)).broken, [])
  await (await createCertificatesApp(withNew)).close()
})
