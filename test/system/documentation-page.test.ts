import assert from 'node:assert/strict'
import { test } from 'node:test'
import { upstreamNames } from '@quintet/contracts/topology'
import { openBrowser, withChromium } from './browser.ts'

test(
  'In a browser, under any name, the page of the gateway shows every operation and leads to those of the services',
  withChromium,
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
