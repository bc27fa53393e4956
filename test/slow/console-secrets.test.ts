import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from '@quintet/chassis/testing'
import { call, dataFolder, run } from '../system/processes.ts'

const password = 'zebra-umbrella-42'
const ofRedis = 'redis-umbrella-44'
const token = 'console-umbrella-45-with-many-more-characters'
const key = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
const secrets: readonly (readonly [string, string])[] = [
  ['a password', password],
  ['a wrong password', 'wrong-umbrella-43'],
  ['the password of Redis', ofRedis],
  ['the token of the console', token],
  ['a private key', key.split('\n')[1] ?? ''],
]

test('No password, private key or token is in any response of the console, in what it prints, or in its file', async (t) => {
  const folder = dataFolder(t)
  const quintet = run(t, ['quintet.ts', 'start'], {
    DATA_DIR: folder,
    CONSOLE_TOKEN: token,
    GUID_CACHE_URL: `redis://:${ofRedis}@127.0.0.1:1`,
    TRACE_PER_SECOND: '1000',
    TRACE_SLOW_MS: '1',
  })
  const [gateway, address] = [await quintet.address('gateway'), await quintet.address('console')]
  const user = { name: 'Ada', email: 'ada@example.com', password }
  await call('POST', `${gateway}/users`, user)
  await call('POST', `${gateway}/users/login`, { email: user.email, password })
  await call('POST', `${gateway}/users/login`, { email: user.email, password: 'wrong-umbrella-43' })
  const certificate = { private_key: Buffer.from(key).toString('base64'), active: true, body: 'opaque' }
  await call('POST', `${gateway}/users/1/certificates`, certificate)
  await call('POST', `${gateway}/users/1/certificates`, { ...certificate, private_key: key })
  await call('POST', `${gateway}/api/billing`, { user_id: password })
  await call('GET', `${gateway}/guids?user=${password}`, undefined, { authorization: `Basic ${password}` })

  const authorization = { authorization: `Bearer ${token}` }
  const get = async (path: string) => (await fetch(address + path, { headers: authorization })).text()
  const json = async (path: string) => Object(JSON.parse(await get(path)))
  await until(async () => (await json('/api/traces?words=login')).data.length >= 2)
  await until(async () => (await json('/api/series?name=requests')).lines.length > 0)
  const names = async (path: string): Promise<string[]> =>
    (await json(path)).data.map(({ name, id }: { name?: string; id?: string }) => String(name ?? id))
  /** What stands for the parameters of each path that has some. */
  const members: Readonly<Record<string, () => Promise<string[]>>> = {
    '/api/series': async () => (await names('/api/charts')).map((name) => `/api/series?name=${name}`),
    '/api/traces/{id}': async () =>
      (await names('/api/traces?limit=1000')).flatMap((id) => [
        `/api/traces/${id}`,
        `/api/traces/${id}?format=otlp`,
      ]),
    '/api/services/{name}': async () =>
      (await names('/api/services')).flatMap((name) => [
        `/api/services/${name}`,
        `/api/services/${name}?doctor=1`,
      ]),
    '/api/queues/moves/{id}': async () => ['/api/queues/moves/none'],
    // It has no end, and sends what the others have.
    '/api/live': async () => [],
  }
  const paths: Readonly<Record<string, object>> = (await json('/openapi.json')).paths
  const places: [string, string][] = []
  for (const path of Object.keys(paths).filter((one) => 'get' in Object(paths[one]))) {
    const asked = (await members[path]?.()) ?? [path]
    assert.ok(!path.includes('{') || path in members, `${path} is asked for`)
    for (const one of asked) places.push([one, await get(one)])
  }
  for (const name of await names('/api/queues'))
    for (const action of ['look', 'reasons']) {
      const headers = { ...authorization, 'x-quintet-console': '1' }
      const { body } = Object(await call('POST', `${address}/api/queues/${name}/${action}`, {}, headers))
      places.push([`${action} of ${name}`, JSON.stringify(body)])
    }
  await quintet.kill('SIGTERM')
  places.push(['what it prints', quintet.output()])
  for (const file of readdirSync(folder).filter((name) => name.startsWith('telemetry.db')))
    places.push([file, readFileSync(join(folder, file), 'latin1')])

  const found = places.flatMap(([place, text]) =>
    secrets.filter(([, secret]) => text.includes(secret)).map(([name]) => `${place} has ${name}`),
  )
  assert.deepEqual(found, [])
  const searched = places.map(([place]) => place)
  for (const place of ['/metrics', '/api/services/guid?doctor=1', '/api/logs', 'telemetry.db'])
    assert.ok(searched.includes(place), `${place} is searched`)
  assert.ok(places.some(([place, text]) => place === '/api/logs' && text.includes('login')))
  t.diagnostic(`${places.length} responses and files were searched`)
})
