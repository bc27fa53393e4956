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

test(
  'Each operation of the page, tried out with its example, gets a status that is documented',
  withChromium,
  async (t) => {
    const { gateway, address, page, faults } = await openBrowser(t)
    const documented = statusesByOperation(await (await fetch(`${address}/openapi.json`)).json())
    await page.goto(`${gateway}/docs/`)
    await page.locator('.opblock').first().waitFor()
    const tried: string[] = []
    for (const operation of await page.locator('.opblock').all()) {
      const id = String(await operation.getAttribute('id'))
        .split('-')
        .slice(2)
        .join('-')
      await operation.locator('.opblock-summary-control').click()
      await operation.locator('.try-out__btn').click()
      await operation.locator('.execute').click()
      const cell = operation.locator('.live-responses-table tbody .response-col_status').first()
      const status = Number.parseInt(await cell.innerText(), 10)
      assert.ok(
        documented.get(id)?.includes(status),
        `${id} is ${status}, but ${documented.get(id)} are documented.`,
      )
      assert.notEqual(status, 400, `The example of ${id} is invalid.`)
      tried.push(id)
      await operation.locator('.opblock-summary-control').click()
    }
    assert.deepEqual(tried.toSorted(), [...documented.keys()].toSorted())
    assert.deepEqual(
      faults.filter((fault) => !/the server responded with a status of 4/.test(fault)),
      [],
    )
  },
)

function statusesByOperation(document: unknown): Map<string, number[]> {
  const items: object[] = Object.values(Object(document).paths)
  const operations = items.flatMap((item) => Object.values(item))
  return new Map(
    operations.map(({ operationId, responses }) => [operationId, Object.keys(responses).map(Number)]),
  )
}
