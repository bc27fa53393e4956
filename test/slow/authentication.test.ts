import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { until } from '@quintet/chassis/testing'
import { call, dataFolder, root, run } from '../system/processes.ts'
import { openBrowser, withChromium } from './browser.ts'

const page = readFileSync(join(root, 'docs/authentication.md'), 'utf8')
const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text)
const { PATH = '' } = process.env

/** The issuer of the page, on a free port, and the settings that the page gives the services. */
async function openIssuer(t: TestContext) {
  const [start = '', settings = ''] = blocks
  assert.equal(start, 'npm run quintet issuer\n')
  const issuer = run(t, ['quintet.ts', 'issuer', '--port', '0'], {})
  const url = await issuer.address('issuer')
  const values = [...settings.matchAll(/(AUTH\w*)=(\S+)/g)].map(([, name = '', value = '']) => [
    name,
    value.replace('http://127.0.0.1:3002', url),
  ])
  return { issuer, url, settings: Object.fromEntries(values) as Record<string, string> }
}

test('Followed in bash, docs/authentication.md gets a token, and is refused without one and without the scope', async (t) => {
  const { url, settings } = await openIssuer(t)
  const quintet = run(t, ['quintet.ts', 'start'], { DATA_DIR: dataFolder(t), LOG_LEVEL: 'warn', ...settings })
  const gateway = await quintet.address('gateway')
  const [, , requests = ''] = blocks
  const text = requests.replaceAll('http://127.0.0.1:3000', gateway).replaceAll('http://127.0.0.1:3002', url)
  const { stdout } = await promisify(execFile)('bash', ['-e', '-c', text], { env: { PATH } })
  const statuses = [...stdout.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => status)
  assert.deepEqual(statuses, ['401', '200', '403'])
})

test('Followed in bash, docs/authentication.md makes an API key that the services accept', async (t) => {
  const folder = dataFolder(t)
  const [, , , commands = ''] = blocks
  const text = commands.replace('data/api-keys.jsonl', join(folder, 'keys.jsonl'))
  const { stdout } = await promisify(execFile)('bash', ['-e', '-c', text], { cwd: root, env: { PATH } })
  const [key = ''] = /^qk_ci_\S+$/m.exec(stdout) ?? []
  const settings = { AUTH: 'required', API_KEYS_FILE: join(folder, 'keys.jsonl') }
  const quintet = run(t, ['quintet.ts', 'start', 'inventory'], { DATA_DIR: folder, ...settings })
  const url = `${await quintet.address('inventory')}/api/movies`
  assert.equal((await call('GET', url, undefined, { 'x-api-key': key }))?.status, 200)
  assert.equal((await call('GET', url))?.status, 401)
})

test('quintet issuer says where the gateway will be, and ends where no setting can say that', async (t) => {
  const issuer = (port: string) => run(t, ['quintet.ts', 'issuer', '--port', '0'], { GATEWAY_PORT: port })
  for (const [port, place] of [
    ['3000', 'http://127.0.0.1:3000/docs/'],
    ['0', '/docs/ of the gateway'],
  ] as const) {
    const one = issuer(port)
    await one.address('issuer')
    await until(() => one.output().includes(`"Authorize" at ${place} for`))
  }
  await assert.rejects(
    issuer('eighty').address('issuer'),
    /^Error: It ended: GATEWAY_PORT must be an integer/,
  )
})

test('A service verifies a token on its own while the gateway and the issuer are away', async (t) => {
  const { issuer, url, settings } = await openIssuer(t)
  const body = new URLSearchParams({ grant_type: 'client_credentials', scope: 'movies:read' })
  const headers = { authorization: `Basic ${btoa('script:script-secret')}` }
  const response = await fetch(`${url}/token`, { method: 'POST', headers, body })
  const { access_token: token }: { access_token: string } = Object(await response.json())
  const quintet = run(t, ['quintet.ts', 'start', 'inventory'], { DATA_DIR: dataFolder(t), ...settings })
  const movies = `${await quintet.address('inventory')}/api/movies`
  const statusOf = async (text: string) =>
    (await call('GET', movies, undefined, { authorization: `Bearer ${text}` }))?.status
  assert.equal(await statusOf(token), 200)
  await issuer.kill('SIGTERM')
  assert.equal(await statusOf(token), 200)
  assert.equal(await statusOf(`${token.slice(0, -4)}AAAA`), 401)
})

test(
  'In a browser, "Authorize" gets a token from the issuer by the authorization code with PKCE, and requests have it',
  withChromium,
  async (t) => {
    const { settings } = await openIssuer(t)
    const { address, page: docs, faults } = await openBrowser(t, settings)
    // On a busy machine the files of the page take long to load.
    docs.setDefaultTimeout(90_000)
    await until(async () => (await (await fetch(`${address}/openapi.json`)).text()).includes('"oauth"'))
    await docs.goto(`${address}/docs/`)
    await docs.locator('.auth-wrapper .authorize').click()
    const form = docs.locator('.auth-container').filter({ hasText: 'authorizationCode' })
    await form.getByText('select all').click()
    const opened = docs.context().waitForEvent('page')
    await form.locator('button.authorize').click()
    const popup = await opened
    await popup.locator('input[name=login]').fill('ada')
    await popup.locator('input[name=password]').fill('any')
    await popup.locator('button[type=submit]').click()
    const closed = popup.waitForEvent('close')
    await popup.getByRole('button', { name: 'Continue' }).click()
    await closed
    await form.getByText('Logout').waitFor()
    await docs.locator('.btn-done').first().click()

    const operation = docs.locator('#operations-inventory-listMovies')
    await operation.locator('.opblock-summary-control').click()
    await operation.locator('.try-out__btn').click()
    await operation.locator('.execute').click()
    const status = operation.locator('.live-responses-table tbody .response-col_status').first()
    assert.equal(Number.parseInt(await status.innerText(), 10), 200)
    assert.deepEqual(faults, [])
  },
)
