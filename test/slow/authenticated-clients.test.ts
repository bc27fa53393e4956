import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { createApiKey } from '@quintet/chassis/guard/api-key-file'
import { createQuintetClient, dataOf, ForbiddenError, UnauthorizedError } from '@quintet/clients/typescript'
import { scopes } from '@quintet/contracts/topology'
import { dataFolder, root, run } from '../system/processes.ts'
import { runCollection, startSystem } from './newman.ts'

/** The clients of the folder clients where nobody is served without a token or an API key. */

async function startAuthenticated(t: TestContext) {
  const issuer = run(t, ['quintet.ts', 'issuer', '--port', '0'], {})
  const url = await issuer.address('issuer')
  const file = join(dataFolder(t), 'api-keys.jsonl')
  const { key, entry } = createApiKey({ id: 'ci', scopes: Object.keys(scopes) })
  writeFileSync(file, `${JSON.stringify(entry)}\n`)
  const system = await startSystem(t, {
    AUTH: 'required',
    AUTH_ISSUER: url,
    AUTH_AUDIENCE: 'quintet',
    API_KEYS_FILE: file,
  })
  return { ...system, issuer: url, key, tokenFor: (scope: string) => fetchToken(url, scope) }
}

/** By the client credentials of the issuer for development. */
async function fetchToken(issuer: string, scope: string): Promise<string> {
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa('script:script-secret')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope }),
  })
  assert.equal(response.status, 200)
  return String(Object(await response.json()).access_token)
}

test('The Postman collection passes with a token of quintet issuer, and with an API key, where one is needed', async (t) => {
  const { words, key, tokenFor } = await startAuthenticated(t)
  const token = await tokenFor(Object.keys(scopes).join(' '))
  for (const credential of [`token=${token}`, `apiKey=${key}`])
    assert.match(
      await runCollection(t, [...words, '--env-var', credential]),
      /DELETE http:\S+\/api\/movies \[200 OK/,
    )
  await assert.rejects(runCollection(t, [...words, '--folder', 'inventory']), /401 Unauthorized/)
})

test('Followed in bash, clients/README.md gets a token and runs a folder of the collection with it', async (t) => {
  const { words, issuer } = await startAuthenticated(t)
  const page = readFileSync(join(root, 'clients/README.md'), 'utf8')
  const [, block = ''] = /^```sh\n(token=[\s\S]*?)^```$/m.exec(page) ?? []
  const text = block
    .replace('http://127.0.0.1:3002', issuer)
    .replace('npm run postman --', `npm run postman -- ${words.join(' ')}`)
  const { stdout } = await promisify(execFile)('bash', ['-e', '-c', text], { cwd: root })
  assert.match(stdout, /POST http:\S+\/api\/movies \[201 Created/)
})

test('The TypeScript client is served with a token and with an API key, and says why it is not', async (t) => {
  const { gateway, key, tokenFor } = await startAuthenticated(t)
  const body = { title: 'Metropolis', description: 'A city in two halves.' }
  for (const options of [{ apiKey: key }, { token: () => tokenFor('movies:read movies:write') }]) {
    const quintet = createQuintetClient(gateway, options)
    const { id } = dataOf(await quintet.POST('/api/movies', { body }))
    const params = { path: { id: String(id) } }
    assert.equal(dataOf(await quintet.GET('/api/movies/{id}', { params })).title, 'Metropolis')
  }
  const reader = createQuintetClient(gateway, { token: await tokenFor('movies:read') })
  const refused = await reader.POST('/api/movies', { body })
  assert.throws(
    () => dataOf(refused),
    (error) => error instanceof ForbiddenError && error.scope === 'movies:write',
  )
  const nobody = await createQuintetClient(gateway).GET('/api/movies')
  assert.throws(
    () => dataOf(nobody),
    (error) => error instanceof UnauthorizedError && error.fault === undefined,
  )
})
