import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { dataFolder, root, run } from '../system/processes.ts'

const page = readFileSync(join(root, 'docs/security.md'), 'utf8')
const [commands = '', request = ''] = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(
  ([, text = '']) => text,
)
const { PATH = '' } = process.env

/** What `quintet tls` prints, with these names as arguments. */
async function makeCertificate(folder: string, names: readonly string[] = []): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['quintet.ts', 'tls', ...names], {
    cwd: root,
    env: { PATH, DATA_DIR: folder },
  })
  return stdout
}

/** The settings in a line like `A=b C=d npm start`. */
function settingsIn(line: string): Record<string, string> {
  return Object.fromEntries([...line.matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [name, value]))
}

test('Followed in bash, docs/security.md gives the gateway TLS, and curl trusts it', async (t) => {
  const folder = dataFolder(t)
  const [make = '', start = ''] = commands.split('\n')
  assert.equal(make, 'npm run quintet tls')
  await makeCertificate(folder)
  const settings = settingsIn(start.replaceAll('data/tls', join(folder, 'tls')))
  const quintet = run(t, ['quintet.ts', 'start'], { DATA_DIR: folder, LOG_LEVEL: 'warn', ...settings })
  const { port } = new URL(await quintet.address('gateway'))
  const text = request.replaceAll('data/tls', join(folder, 'tls')).replace(':3000', `:${port}`)
  const { stdout } = await promisify(execFile)('bash', ['-e', '-c', text], { env: { PATH } })
  assert.equal(JSON.parse(stdout).status, 'ok')
})

test('With what quintet tls prints, requests are encrypted between the gateway and the services as well', async (t) => {
  const folder = dataFolder(t)
  const printed = await makeCertificate(folder, ['quintet.test', '192.0.2.1'])
  assert.match(printed, /for localhost, 127\.0\.0\.1, ::1, quintet\.test, 192\.0\.2\.1$/m)
  const [, line = ''] = /^ +(TLS_CERT_FILE=.*)$/m.exec(printed) ?? []
  const quintet = run(t, ['quintet.ts', 'start'], {
    DATA_DIR: folder,
    LOG_LEVEL: 'warn',
    ...settingsIn(line),
  })
  const gateway = await quintet.address('gateway')
  assert.match(await quintet.address('guid'), /^https:/)
  const curl = async (...more: string[]) =>
    (await promisify(execFile)('curl', ['-sS', '--cacert', join(folder, 'tls/authority.pem'), ...more]))
      .stdout
  const body = ['-H', 'content-type: application/json', '-d', '{"user":"ada"}']
  assert.equal(JSON.parse(await curl(...body, `${gateway}/guid`)).user, 'ada')
  assert.equal(JSON.parse(await curl(`${gateway}/health`)).status, 'ok')
  assert.match(await curl(`${gateway}/openapi.json`), /"\/guid\/\{guid\}"/)
})

test('quintet tls keeps its files private, and its authority when it makes another certificate', async (t) => {
  const folder = dataFolder(t)
  const read = (name: string) => readFileSync(join(folder, 'tls', name), 'utf8')
  await makeCertificate(folder)
  const [authority, certificate] = [read('authority.pem'), read('certificate.pem')]
  await makeCertificate(folder)
  assert.equal(read('authority.pem'), authority)
  assert.notEqual(read('certificate.pem'), certificate)
  for (const name of ['authority.pem', 'authority-key.pem', 'certificate.pem', 'key.pem'])
    assert.equal(statSync(join(folder, 'tls', name)).mode & 0o777, 0o600)
  await assert.rejects(makeCertificate(folder, ['not a name']), /"not a name" must be the name of a host/)
})
