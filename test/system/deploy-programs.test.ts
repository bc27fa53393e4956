import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { until } from '@quintet/chassis/testing'
import { dataFolder, root } from './processes.ts'

/** The programs that the Compose file runs in containers of their own. */

const files = ['redis/password={REDIS_PASSWORD}', 'databases/cache_url=redis://:{REDIS_PASSWORD}@redis:6379']

function makeSecrets(folder: string, environment: Record<string, string> = {}) {
  return spawnSync(process.execPath, ['deploy/make-secrets.ts', folder, ...files], {
    cwd: root,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, ...environment },
  })
}

test('A secret is made once, for its owner only, and each file has the same one', (t) => {
  const folder = dataFolder(t)
  const read = (file: string) => readFileSync(join(folder, file), 'utf8')
  assert.equal(makeSecrets(folder).status, 0)
  const secret = read('made/REDIS_PASSWORD')
  assert.match(secret, /^[0-9a-f]{64}$/)
  assert.equal(statSync(join(folder, 'made/REDIS_PASSWORD')).mode & 0o777, 0o400)
  assert.equal(read('redis/password'), secret)
  assert.equal(read('databases/cache_url'), `redis://:${secret}@redis:6379`)
  const { status, stdout } = makeSecrets(folder)
  assert.deepEqual([status, stdout], [0, ''])
  assert.equal(read('made/REDIS_PASSWORD'), secret)
  assert.deepEqual(readdirSync(join(folder, 'databases')), ['cache_url'])
})

test('A secret of the environment is used at the first start, and another one is refused later', (t) => {
  const folder = dataFolder(t)
  assert.equal(makeSecrets(folder, { REDIS_PASSWORD: 'first' }).status, 0)
  assert.equal(readFileSync(join(folder, 'redis/password'), 'utf8'), 'first')
  const { status, stderr, stdout } = makeSecrets(folder, { REDIS_PASSWORD: 'second' })
  assert.equal(status, 1)
  assert.match(stderr, /^REDIS_PASSWORD differs from the one in use/m)
  assert.doesNotMatch(stdout + stderr, /first|second/)
  assert.equal(readFileSync(join(folder, 'redis/password'), 'utf8'), 'first')
})

test('A connection is forwarded in both directions until both sides have ended it', async (t) => {
  const { port } = await listen(t, (client) => {
    // It responds only when the client has ended its side.
    let request = ''
    client.on('data', (data) => (request += data)).on('end', () => client.end(request.toUpperCase()))
  })
  const free = await freePort()
  const forwarder = spawn(process.execPath, ['deploy/forward.ts', `${free}:127.0.0.1:${port}`], { cwd: root })
  t.after(() => forwarder.kill())
  await until(async () => {
    const client = connect({ host: '127.0.0.1', port: free })
    client.end('a request')
    return (await text(client).catch(() => '')) === 'A REQUEST'
  })
})

async function listen(t: TestContext, respond: (client: Socket) => void): Promise<{ port: number }> {
  const server = createServer({ allowHalfOpen: true }, respond).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return address
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' && address !== null ? address.port : 0
}
