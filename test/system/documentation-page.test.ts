import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { delimiter, join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { upstreamNames } from '@quintet/contracts/topology'
import { chromium } from 'playwright-core'
import type { Page } from 'playwright-core'
import { dataFolder, run } from './processes.ts'

const executablePath = (process.env.PATH ?? '')
  .split(delimiter)
  .flatMap((folder) => ['chromium', 'chromium-browser', 'google-chrome'].map((name) => join(folder, name)))
  .find((file) => existsSync(file))
const options = { skip: executablePath === undefined && 'Chromium is not installed' }

test(
  'In a browser, under any name, the page of the gateway shows every operation and leads to those of the services',
  options,
  async (t) => {
    const { gateway, address, page, faults } = await openBrowser(t)
    await page.goto(gateway)
    await page.locator('.opblock').first().waitFor()
    assert.equal(page.url(), `${gateway}/docs/`)
    assert.equal(await page.title(), 'Quintet API')
    const { paths } = Object(await (await fetch(`${address}/openapi.json`)).json())
    const operations = Object.values(paths).flatMap((item) => Object.keys(Object(item)))
    assert.equal(await page.locator('.opblock').count(), operations.length)
    assert.ok(operations.length >= 40, `There are only ${operations.length} operations.`)

    for (const name of upstreamNames) {
      await page.getByRole('navigation').getByRole('link', { name, exact: true }).click()
      await page.locator('.opblock').first().waitFor()
      assert.notEqual(await page.title(), 'Quintet API')
      await page.getByRole('link', { name: 'All services' }).click()
      await page.waitForURL(`${gateway}/docs/`)
    }
    assert.deepEqual(faults, [])
  },
)

/** The whole system, and a browser in which another name than that of this machine leads to it. */
async function openBrowser(t: TestContext): Promise<{
  gateway: string
  address: string
  page: Page
  faults: string[]
}> {
  const port = await freePort()
  const quintet = run(t, ['quintet.ts', 'start'], {
    DATA_DIR: dataFolder(t),
    LOG_LEVEL: 'warn',
    GATEWAY_PORT: String(port),
  })
  const address = await quintet.address('gateway')
  const browser = await chromium.launch({
    ...(executablePath !== undefined && { executablePath }),
    args: ['--no-sandbox', '--host-resolver-rules=MAP quintet.test 127.0.0.1'],
  })
  t.after(() => browser.close())
  const page = await browser.newPage()
  const faults: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text())
  })
  page.on('pageerror', ({ message }) => faults.push(message))
  return { gateway: `http://quintet.test:${port}`, address, page, faults }
}

/** The services are given the port of the gateway before it listens. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  assert.ok(typeof address === 'object' && address !== null)
  return address.port
}
