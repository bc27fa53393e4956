import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { systemClock } from '@quintet/chassis/clock'
import { createApp } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { createLogger } from '@quintet/chassis/telemetry'
import { until } from '@quintet/chassis/testing'
import { settingsOf } from '@quintet/chassis/testing/settings'
import type { ServiceName } from '@quintet/contracts/topology'
import { startConsole } from '../cli/console.ts'
import { createSupervised } from '../cli/supervisor.ts'
import { services } from '../topology.ts'

const logger = createLogger({ service: 'test', level: 'silent' })

/** A service in this process, and a console that stops and starts it. */
async function supervise(t: TestContext, name: ServiceName, create: () => Promise<App>) {
  const service = createSupervised({
    name,
    create,
    address: { host: '127.0.0.1', port: 0 },
    isShared: false,
    clock: systemClock,
  })
  await service.control.start()
  t.after(() => service.close())
  const settings = settingsOf({ CONSOLE_PORT: '0', CONSOLE_HOST: '127.0.0.1', LOG_LEVEL: 'silent' })
  const parts = { running: [service], operationsUrl: undefined, keep: undefined }
  const { app, line } = await startConsole(settings, parts)
  t.after(() => app.close())
  const [url = ''] = /http:\S+/.exec(line) ?? []
  return {
    service,
    act: (action: string) =>
      fetch(`${url}/api/services/${name}/${action}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-quintet-console': '1' },
      }),
  }
}

/** A service with a route whose responses wait until they are let go. */
function slowApp() {
  const waiting: (() => void)[] = []
  async function create(): Promise<App> {
    const app = await createApp({ name: 'inventory', title: 'Slow', description: 'Slow.', logger })
    app.get('/slow', { schema: { hide: true } }, () => {
      const { promise, resolve } = Promise.withResolvers<{ done: true }>()
      waiting.push(() => resolve({ done: true }))
      return promise
    })
    return app
  }
  return { create, waiting }
}

for (const action of ['stop', 'restart'])
  test(`Requests in flight at a ${action} get their responses, and only then the ${action} is over`, async (t) => {
    const { create, waiting } = slowApp()
    const { service, act } = await supervise(t, 'inventory', create)
    const requests = Array.from({ length: 20 }, () => fetch(`${service.url()}/slow`))
    await until(() => waiting.length === 20)
    let isOver = false
    const acting = act(action).then((response) => {
      isOver = true
      return response
    })
    await until(() => service.control.state() === 'closing')
    assert.equal(isOver, false)
    for (const release of waiting) release()
    for (const response of await Promise.all(requests)) {
      assert.equal(response.status, 200)
      assert.deepEqual(await response.json(), { done: true })
    }
    const response = await acting
    assert.equal(response.status, 200)
    const { state } = Object(await response.json())
    assert.equal(state, action === 'stop' ? 'stopped' : 'up')
    if (action === 'stop') await assert.rejects(fetch(`${service.url()}/health/live`))
    else assert.equal((await fetch(`${service.url()}/health/live`)).status, 200)
  })

test('A real service that was stopped starts on the port that it had, with what it has stored', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-supervisor-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const settings = settingsOf({ DATA_DIR: folder, INVENTORY_PORT: '0' })
  const { service, act } = await supervise(t, 'inventory', () =>
    services.inventory.createApp(settings, { logger }),
  )
  const url = `${service.url()}/api/movies`
  const body = JSON.stringify({ title: 'Metropolis', description: 'A city in two halves.' })
  await fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
  assert.equal((await act('stop')).status, 200)
  await assert.rejects(fetch(url))
  assert.equal((await act('stop')).status, 200, 'It is stopped already.')
  assert.equal((await act('start')).status, 200)
  const [movie] = Object(await (await fetch(url)).json())
  assert.equal(movie.title, 'Metropolis')
})

test('Stops and starts that overlap happen one after the other, and the last one decides', async (t) => {
  const { create } = slowApp()
  const { service, act } = await supervise(t, 'inventory', create)
  const responses = await Promise.all(['stop', 'start', 'restart', 'stop', 'start'].map(act))
  assert.deepEqual(
    responses.map(({ status }) => status),
    [200, 200, 200, 200, 200],
  )
  assert.equal(service.control.state(), 'up')
})

test('A service of a process that ends is not started again', async (t) => {
  const { create } = slowApp()
  const { service, act } = await supervise(t, 'inventory', create)
  await service.close()
  assert.equal((await act('start')).status, 503)
  assert.equal(service.control.state(), 'stopped')
})
