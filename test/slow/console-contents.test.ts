import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { openQueue } from '@quintet/chassis/queue'
import { until } from '@quintet/chassis/testing'
import { billingQueue } from '@quintet/contracts'
import { call, dataFolder } from '../system/processes.ts'
import { withChromium } from './browser.ts'
import { openConsole } from './console-browser.ts'

test('Markup and scripts in what clients sent are shown as text', withChromium, async (t) => {
  const folder = dataFolder(t)
  const { gateway, open, faults } = await openConsole(t, { DATA_DIR: folder })
  const queue = await openQueue(`sqlite:${join(folder, 'queue.db')}`)
  t.after(() => queue.close())
  const hostile = `<img src=x onerror="alert('hit')"><script>alert('hit')</script>`
  assert.equal((await call('POST', `${gateway}/guid`, { user: hostile }))?.status, 201)
  const movie = { title: hostile, description: hostile }
  assert.equal((await call('POST', `${gateway}/api/movies`, movie))?.status, 201)
  await queue.publish(billingQueue, { id: 'hostile', key: '', body: hostile })
  await until(async () => (await queue.depth(`${billingQueue}.dead`)) === 1)
  for (const path of ['/data/guid/guids', '/data/inventory/movies', `/queues/${billingQueue}.dead`]) {
    const page = await open(path)
    const row = page.locator('.grid-rows [role=row]').first()
    await row.getByText(hostile).first().waitFor()
    await row.focus()
    await page.keyboard.press('Enter')
    await page.locator('dialog pre').getByText('onerror').waitFor()
    assert.equal(await page.locator('main img, main script').count(), 0, path)
  }
  assert.deepEqual(faults, [])
})

test(
  'While a broker is away its queue says so, without its password, and the other pages go on',
  withChromium,
  async (t) => {
    const { open } = await openConsole(t, { QUEUE_URL: 'amqp://quintet:secret-word@127.0.0.1:1' })
    const queues = await open('/queues')
    const row = queues.getByRole('row', { name: billingQueue })
    await row.locator('.fault').waitFor()
    assert.equal(await row.getByRole('cell').first().textContent(), '–')
    const map = await open('/')
    await map.getByRole('link', { name: /^billing_queue, down/ }).waitFor()
    await map.locator('.attention').getByText(`${billingQueue} is down`).waitFor()
    for (const path of [
      '/queues',
      '/',
      `/queues/${billingQueue}`,
      '/services/billing',
      '/charts',
      '/actions',
    ]) {
      const page = await open(path)
      await page.locator('h1').waitFor()
      assert.ok(!(await page.content()).includes('secret-word'), path)
      await page.context().close()
    }
  },
)

test(
  'In a chart the arrow keys move a cursor whose values are spoken, and t shows them as a table',
  withChromium,
  async (t) => {
    const { gateway, open, faults } = await openConsole(t)
    for (let i = 0; i < 20; i++) await call('GET', `${gateway}/api/movies`)
    const page = await open('/charts?span=15m')
    const chart = page.locator('.chart', {
      has: page.getByRole('heading', { name: 'Requests', exact: true }),
    })
    // The second scrape shows how much has grown since the first.
    await chart.locator('.chart-box').waitFor({ timeout: 40_000 })
    await chart.locator('.chart-box').focus()
    await page.keyboard.press('End')
    const spoken = chart.locator('.chart-picture > [role=status]')
    await until(async () => /^\d\d:\d\d:\d\d, \w+ /.test((await spoken.textContent()) ?? ''))
    await page.keyboard.press('t')
    await chart.getByRole('table').waitFor()
    assert.equal(await page.evaluate('document.activeElement.className'), 'chart-table')
    await page.keyboard.press('t')
    await chart.locator('.chart-box').waitFor()
    assert.deepEqual(faults, [])
  },
)

test('With CONSOLE=read the buttons of actions are off and say why', withChromium, async (t) => {
  const { open, faults } = await openConsole(t, { CONSOLE: 'read' })
  const page = await open('/services/billing')
  const button = page.getByRole('button', { name: 'Stop billing' })
  await button.waitFor()
  assert.ok(await button.isDisabled())
  await page.getByText('the console was started with CONSOLE=read').waitFor()
  assert.deepEqual(faults, [])
})
