import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { ConfigError } from '@quintet/chassis/config'
import { migrateDatabase } from '@quintet/chassis/database'
import type { App } from '@quintet/chassis/http'
import { createLogger } from '@quintet/chassis/telemetry'
import { engineUrl, freshDatabaseOn } from '@quintet/chassis/testing'
import { createCertificatesApp } from '../src/app.ts'
import { migrations } from '../src/database.ts'
import { ada, configOf, opaque } from './world.ts'

const server = engineUrl('postgres')
if (server !== undefined) testStart(server)

function testStart(server: string): void {
  test('certificates that start before their database are ready once it responds', async (t: TestContext) => {
    const url = freshDatabaseOn(server)
    await migrateDatabase(url, { migrations }, 'up')
    const proxy = await createClosedProxy(t, url)
    const app = await start(t, proxy.url, newKey())
    const early = await app.inject('/health/ready')
    t.assert.equal(early.statusCode, 503)
    t.assert.match(early.json().errors.database, /does not respond/)
    t.assert.equal((await app.inject('/users/1')).statusCode, 503)
    await proxy.open()
    await untilReadiness(app, 200)
    t.assert.equal((await app.inject('/users/1')).statusCode, 404)
  })

  test('certificates do not start without the key of a stored private key', async (t: TestContext) => {
    const { url } = await withCertificate(t, server)
    await t.assert.rejects(start(t, url, newKey()), ConfigError)
  })

  test('certificates that start before their database without a key report it, and do not become ready', async (t: TestContext) => {
    const { url, key } = await withCertificate(t, server)
    const proxy = await createClosedProxy(t, url)
    const app = await start(t, proxy.url, newKey())
    await proxy.open()
    await untilReadiness(app, 503, /which is not among those given/)
    t.assert.match((await app.inject('/health/ready')).body, /which is not among those given/)
    await untilReadiness(await start(t, url, key), 200)
  })
}

const newKey = () => randomBytes(32).toString('hex')

async function withCertificate(t: TestContext, server: string): Promise<{ url: string; key: string }> {
  const url = freshDatabaseOn(server)
  await migrateDatabase(url, { migrations }, 'up')
  const key = newKey()
  const app = await start(t, url, key)
  const user = await app.inject({ method: 'POST', url: '/users', payload: ada })
  const certificates = `${String(user.headers.location)}/certificates`
  const added = await app.inject({ method: 'POST', url: certificates, payload: opaque })
  t.assert.equal(added.statusCode, 201)
  return { url, key }
}

async function start(t: TestContext, url: string, key: string): Promise<App> {
  const config = configOf({
    CERTIFICATES_DATABASE_URL: url,
    CERTIFICATES_QUEUE_URL: 'sqlite::memory:',
    CERTIFICATES_KEY: key,
  })
  const logger = createLogger({ service: 'certificates', level: 'silent' })
  const app = await createCertificatesApp(config, { logger })
  t.after(() => app.close())
  return app
}

/** Polls until the response has this status and content. */
async function untilReadiness(app: App, status: number, content = /./) {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const response = await app.inject('/health/ready')
    if (response.statusCode === status && content.test(response.body)) return
    await pause(50)
  }
  throw new Error(`The readiness did not become ${status}.`)
}

/** A proxy to the database that refuses connections until it is opened. */
async function createClosedProxy(t: TestContext, url: string) {
  const target = new URL(url)
  const sockets = new Set<Socket>()
  const listener = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname)
    for (const socket of [client, upstream]) sockets.add(socket.on('error', () => {}))
    client.pipe(upstream)
    upstream.pipe(client)
  })
  const listen = async (port: number) => {
    listener.listen(port, '127.0.0.1')
    await once(listener, 'listening')
  }
  await listen(0)
  // The address of a server is a string only if it listens at a path.
  const { port } = listener.address() as AddressInfo
  listener.close()
  await once(listener, 'close')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    listener.close()
  })
  return {
    url: Object.assign(new URL(url), { hostname: '127.0.0.1', port: String(port) }).href,
    open: () => listen(port),
  }
}
