import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createApp, listen } from '@quintet/chassis/http'
import { createLogger } from '@quintet/chassis/telemetry'
import { createPrincipals } from '@quintet/chassis/testing/principals'
import { settingsOf } from '@quintet/chassis/testing/settings'
import type { ServiceName } from '@quintet/contracts/topology'
import { addData } from '../console/src/data.ts'
import { observed } from '../console/test/observed.ts'
import { services } from '../topology.ts'

const logger = createLogger({ service: 'test', level: 'silent' })

/** The inventory behind a gateway, and the data of a console before both. */
async function createWorld(t: TestContext, more: Readonly<Record<string, string>> = {}) {
  const open = async (name: ServiceName, values: Readonly<Record<string, string>>) => {
    const app = await services[name].createApp(settingsOf({ ...values, ...more }), { logger })
    t.after(() => app.close())
    return listen(app, { host: '127.0.0.1', port: 0 })
  }
  const INVENTORY_URL = await open('inventory', {
    INVENTORY_DATABASE_URL: 'sqlite::memory:',
    CACHE_URL: 'memory:',
  })
  const gateway = await open('gateway', { QUEUE_URL: 'sqlite::memory:', INVENTORY_URL })
  const app = await createApp({
    ...{ name: 'console', title: 'Console', description: 'For tests.', logger },
    checkResponses: true,
  })
  t.after(() => app.close())
  const data = addData(app, { services: [observed('gateway', gateway)] })
  return { app, data, gateway, url: await listen(app, { host: '127.0.0.1', port: 0 }) }
}

test('The console reads the lists and the rows of a service through the gateway, page by page', async (t) => {
  const { app, data, gateway } = await createWorld(t)
  for (const title of ['Metropolis', 'Nosferatu', 'M'])
    await fetch(`${gateway}/api/movies`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ title, description: '' }),
    })
  const { data: listed } = (await app.inject('/api/data')).json()
  const movies = listed.find(({ name }: { name: string }) => name === 'movies')
  assert.deepEqual([movies.service, movies.path, movies.filters], ['inventory', '/api/movies', ['title']])
  assert.ok((await data.collections()).some(({ path }) => path === '/api/movies'))
  const first = await app.inject(`/api/data${movies.path}?limit=2`)
  const next = /^<([^>]*)>; rel="next"$/.exec(String(first.headers.link))?.[1] ?? ''
  const second = await app.inject(next)
  const titles = [first, second].flatMap((page) => page.json().map(({ title }: { title: string }) => title))
  assert.deepEqual(titles, ['Metropolis', 'Nosferatu', 'M'])
  assert.equal(second.headers.link, undefined)
  const row = await app.inject('/api/data/api/movies/1')
  assert.deepEqual([row.json().title, typeof row.headers.etag], ['Metropolis', 'string'])
  const missing = await app.inject('/api/data/api/movies/9')
  assert.deepEqual([missing.statusCode, missing.headers['content-type']?.includes('json')], [404, true])
})

test('A viewer reads what its own credentials permit', async (t) => {
  const principals = createPrincipals(t, ['movies:read'])
  const { url } = await createWorld(t, principals.settings)
  const path = '/api/data/api/movies'
  assert.equal((await principals.send(url, 'ada', { path })).status, 200)
  assert.equal((await principals.send(url, 'nobody', { path })).status, 401)
  const forbidden = await principals.send(url, 'ada', { path: '/api/data/guids' })
  assert.equal(forbidden.status, 403)
})
