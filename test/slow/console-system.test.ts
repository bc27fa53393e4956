import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { until } from '@quintet/chassis/testing'
import { call, dataFolder } from '../system/processes.ts'
import { withChromium } from './browser.ts'
import { openConsole } from './console-browser.ts'

test(
  'From the address of npm start it takes three clicks to why a request was slow',
  withChromium,
  async (t) => {
    const folder = dataFolder(t)
    const { gateway, address, open, faults } = await openConsole(t, { DATA_DIR: folder })
    await call('POST', `${gateway}/guid`, { user: 'first' })
    await whileLocked(join(folder, 'guid.db'), 700, () => call('POST', `${gateway}/guid`, { user: 'slow' }))

    await until(async () => {
      const traces = await fetch(`${address}/api/traces?min=500`)
      return Object(await traces.json()).data.length > 0
    })

    const page = await open('/')
    await page.getByRole('navigation').getByRole('link', { name: 'Traces' }).click()
    await page.getByRole('button', { name: 'Duration' }).click()
    await page.locator('[role=columnheader][aria-sort=descending]', { hasText: 'Duration' }).waitFor()
    // On a busy machine other requests may have taken long as well.
    await page.getByRole('row', { name: 'POST /guid' }).first().click()
    const spans = page.getByRole('treegrid', { name: 'Spans' })
    const commit = spans.getByRole('row', { name: 'commit INSERT' })
    await commit.getByTitle('On the critical path').waitFor()
    const [, milliseconds] = /([\d.]+) ms$/.exec((await commit.textContent()) ?? '') ?? []
    assert.ok(Number(milliseconds) > 500, `The commit has waited for the lock for ${milliseconds} ms.`)
    assert.deepEqual(faults, [])
  },
)

test(
  'After kill -9 of the whole system its traces, lines, charts and events are there',
  withChromium,
  async (t) => {
    const settings = { DATA_DIR: dataFolder(t) }
    const before = await openConsole(t, settings)
    const response = await fetch(`${before.gateway}/api/movies`)
    const requestId = String(response.headers.get('x-request-id'))
    const seen = await before.open('/traces')
    await seen.getByRole('row', { name: 'GET /api/movies' }).first().waitFor()
    await until(async () => (await valuesOf(before.address)) > 0)
    const killedAt = Date.now()
    await before.kill()

    const { address, open, faults } = await openConsole(t, settings)
    const page = await open('/traces')
    await page.getByRole('row', { name: 'GET /api/movies' }).first().click()
    await page.getByText(requestId).first().waitFor()
    await page.goto(`${address}/logs?request=${requestId}`)
    await page.getByRole('gridcell', { name: 'request', exact: true }).first().waitFor()
    assert.ok((await valuesOf(address, killedAt)) > 0, 'Values from before the kill are among the series.')
    await until(async () => (await startsSince(address, killedAt)) > 0)
    await page.goto(`${address}/charts`)
    await page.locator('.chart-mark.start').first().waitFor()
    assert.deepEqual(faults, [])
  },
)

test(
  'Each failed request under load is among the traces, though few are recorded whole',
  withChromium,
  async (t) => {
    const { address, gateway, open, faults } = await openConsole(t, { TRACE_PER_SECOND: '1' })
    const stopped = await call(
      'POST',
      `${address}/api/services/inventory/stop`,
      {},
      { 'x-quintet-console': '1' },
    )
    assert.equal(stopped?.status, 200, JSON.stringify(stopped?.body))
    const statuses = await Promise.all(
      Array.from({ length: 40 }, async () => (await fetch(`${gateway}/api/movies`)).status),
    )
    assert.ok(
      statuses.every((status) => status >= 500),
      String(new Set(statuses)),
    )

    const page = await open('/traces?status=5xx')
    await page.getByText('all 40 errors').waitFor()
    await page.getByRole('row', { name: 'GET /api/movies' }).first().waitFor()
    await until(async () => (await page.getByRole('grid').getAttribute('aria-rowcount')) === '41')
    const { body } = Object(await call('GET', `${address}/api/traces?status=5xx&limit=100`))
    const unrecorded = body.data.filter(({ spans }: { spans: number }) => spans === 1)
    assert.ok(unrecorded.length >= 10, `${unrecorded.length} of 40 have a span alone.`)
    await page.goto(`${address}/traces/${unrecorded[0].id}`)
    await page.getByText('Its details were not recorded').waitFor()
    assert.deepEqual(faults, [])
  },
)

test(
  'Six tabs are live at once, by one stream, which another tab has after the first is closed',
  withChromium,
  async (t) => {
    const { gateway, open, faults } = await openConsole(t)
    const first = await open('/traces')
    const others = await Promise.all(
      ['/', '/logs', '/traces', '/queues', '/services'].map(async (path) => {
        const page = await first.context().newPage()
        page.setDefaultTimeout(20_000)
        await page.goto(new URL(path, first.url()).href)
        return page
      }),
    )
    const pages = [first, ...others]
    for (const page of pages) await page.getByText('Live', { exact: true }).first().waitFor()
    await fetch(`${gateway}/api/movies`)
    for (const page of pages.filter((one) => one.url().endsWith('/traces')))
      await page.getByRole('row', { name: 'GET /api/movies' }).first().waitFor()

    await first.close()
    await fetch(`${gateway}/api/orders`)
    const [, , traces] = others
    await traces?.getByRole('row', { name: 'GET /api/orders' }).first().waitFor()
    assert.deepEqual(faults, [])
  },
)

/** Does the work while another connection holds the write lock of a database for so long. */
async function whileLocked<R>(path: string, milliseconds: number, work: () => Promise<R>): Promise<R> {
  const connection = new DatabaseSync(path, { timeout: 5_000 })
  try {
    connection.exec('begin immediate')
    const working = work()
    await new Promise((resolve) => setTimeout(resolve, milliseconds))
    connection.exec('rollback')
    return await working
  } finally {
    connection.close()
  }
}

/** How many values of requests the console has from before a time. */
async function valuesOf(address: string, to = Date.now()): Promise<number> {
  const { body } = Object(
    await call('GET', `${address}/api/series?name=requests&from=${to - 600_000}&to=${to}&step=10`),
  )
  const lines: readonly { values: readonly (number | null)[] }[] = body?.lines ?? []
  return lines.flatMap(({ values }) => values).filter((value) => value !== null).length
}

async function startsSince(address: string, from: number): Promise<number> {
  const { body } = Object(await call('GET', `${address}/api/events?from=${from}&to=${Date.now() + 60_000}`))
  return body.data.filter(({ kind }: { kind: string }) => kind === 'start').length
}
