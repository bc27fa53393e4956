import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openQueue, PoisonMessage } from '@quintet/chassis/queue'
import { until } from '@quintet/chassis/testing'
import { billingQueue } from '@quintet/contracts'
import type { Page } from 'playwright-core'
import { call, dataFolder } from '../system/processes.ts'
import { withChromium } from './browser.ts'
import { openConsole } from './console-browser.ts'

const deadQueue = `${billingQueue}.dead`
const order = { user_id: '3', number_of_items: '5', total_amount: '180' }

test(
  'A service that is stopped by the keyboard lets 100 orders wait on the map, and stores them once it is started',
  withChromium,
  async (t) => {
    const { address, gateway, open, faults } = await openConsole(t)
    const page = await open('/services')
    await press(page, 'Stop billing')
    assert.equal(await page.locator('dialog').getByRole('heading').textContent(), 'Stop billing?')
    await press(page, 'Stop billing', 'dialog')
    await page.getByText(/^billing is stopped, after/).waitFor()
    assert.notEqual(await page.evaluate('document.activeElement.tagName'), 'BODY')

    for (let i = 0; i < 100; i++)
      assert.equal((await call('POST', `${gateway}/api/billing`, order))?.status, 200)
    await page.goto(`${address}/`)
    await page.getByRole('link', { name: /^billing_queue, up.* 100 live/ }).waitFor()
    await page.getByRole('link', { name: /^billing, stopped/ }).waitFor()

    await page.goto(`${address}/services/billing`)
    await press(page, 'Start billing')
    await press(page, 'Start billing', 'dialog')
    await page.getByText(/^billing is up, after/).waitFor()
    await until(async () => {
      const { body } = Object(await call('GET', `${gateway}/api/orders`))
      return Array.isArray(body) && body.length === 100
    })
    await page.goto(`${address}/`)
    await page.getByRole('link', { name: /^billing_queue, up.* 0 live/ }).waitFor()
    await page.goto(`${address}/actions`)
    for (const what of ['stop', 'start'])
      await page.getByRole('rowheader', { name: what, exact: true }).waitFor()
    assert.deepEqual(faults, [])
  },
)

test(
  'Dead letters are grouped by their reason, put back by the keyboard, and followed until they are dead again',
  withChromium,
  async (t) => {
    const { open, queue, faults } = await openWithQueue(t)
    for (const id of ['one', 'two']) await queue.publish(billingQueue, { id, key: '', body: 'no order' })
    await queue.publish(billingQueue, { id: 'three', key: '', body: '{"user_id":"x"}' })
    await until(async () => (await queue.depth(deadQueue)) === 3)
    const page = await open(`/queues/${deadQueue}`)
    const groups = page.locator('.groups tbody tr')
    await groups.nth(2).waitFor()
    assert.equal(await groups.count(), 3)
    const larger = groups.filter({ has: page.getByRole('cell', { name: '2', exact: true }) })
    await larger.getByRole('radio').focus()
    await page.keyboard.press('Space')
    await page.getByText('All 2 are shown.').waitFor()
    await press(page, 'Replay 2')
    await press(page, 'Replay 2', 'dialog')
    await page
      .locator('.outcome')
      .getByText(/2 put back: .*2 dead again/)
      .waitFor()
    assert.equal(await page.locator('dialog').count(), 0)
    assert.equal(await queue.depth(deadQueue), 3)
    assert.deepEqual(faults, [])
  },
)

test(
  'Letters of a handler with a fault lead to their traces, and are done once a handler without it gets them again',
  withChromium,
  async (t) => {
    const { address, gateway, open, queue, faults } = await openWithQueue(t)
    const ofBilling = (action: string) =>
      call('POST', `${address}/api/services/billing/${action}`, {}, { 'x-quintet-console': '1' })
    assert.equal((await ofBilling('stop'))?.status, 200)
    for (let i = 0; i < 2; i++) await call('POST', `${gateway}/api/billing`, order)
    const consumer = queue.consume(billingQueue, async () => {
      throw new PoisonMessage('The handler has a fault.')
    })
    await until(async () => (await queue.depth(deadQueue)) === 2)
    await consumer.stop()
    assert.equal((await ofBilling('start'))?.status, 200)

    const page = await open(`/queues/${deadQueue}`)
    await page.locator('.groups').getByText('The handler has a fault.').waitFor()
    await page.getByRole('link', { name: 'trace', exact: true }).first().click()
    await page.getByRole('heading', { name: 'POST /api/billing', level: 1 }).waitFor()
    await page.goBack()
    await press(page, 'Replay 2')
    await press(page, 'Replay 2', 'dialog')
    await page
      .locator('.outcome')
      .getByText(/2 put back: .*2 done/)
      .waitFor()
    const { body } = Object(await call('GET', `${gateway}/api/orders`))
    assert.equal(body.length, 2)
    assert.deepEqual(faults, [])
  },
)

test('Rows are chosen by the space bar, and dropped alone', withChromium, async (t) => {
  const { open, queue, faults } = await openWithQueue(t)
  for (const id of ['one', 'two', 'three'])
    await queue.publish(billingQueue, { id, key: '', body: 'no order' })
  await until(async () => (await queue.depth(deadQueue)) === 3)
  const page = await open(`/queues/${deadQueue}`)
  await page.locator('.grid-rows [role=row]').first().focus()
  await page.keyboard.press('ArrowDown')
  await page.locator('[role=row][aria-rowindex="3"]:focus').waitFor()
  await page.keyboard.press('Space')
  await page.getByText('1 row chosen').waitFor()
  await press(page, 'Drop 1')
  await press(page, 'Drop 1', 'dialog')
  await until(async () => (await queue.depth(deadQueue)) === 2)
  assert.deepEqual((await queue.list(deadQueue)).map(({ id }) => id).sort(), ['one', 'three'])
  assert.deepEqual(faults, [])
})

test(
  'A drop of another number of letters than was shown is refused, and nothing has happened',
  withChromium,
  async (t) => {
    const { open, queue, faults } = await openWithQueue(t)
    await queue.publish(billingQueue, { id: 'one', key: '', body: 'no order' })
    await until(async () => (await queue.depth(deadQueue)) === 1)
    const page = await open(`/queues/${deadQueue}`)
    await press(page, 'Drop 1')
    await queue.publish(billingQueue, { id: 'two', key: '', body: 'no order' })
    await until(async () => (await queue.depth(deadQueue)) === 2)
    await press(page, 'Drop 1', 'dialog')
    await page.getByRole('alert').getByText('Nothing has happened.').waitFor()
    assert.equal(await queue.depth(deadQueue), 2)
    await page.getByRole('button', { name: 'Show what is there now' }).click()
    await page.getByRole('button', { name: 'Drop 2' }).waitFor()
    assert.deepEqual(
      faults.filter((fault) => !fault.includes('412')),
      [],
    )
  },
)

/** With the queues as another program that publishes to them has them. */
async function openWithQueue(t: TestContext) {
  const folder = dataFolder(t)
  const world = await openConsole(t, { DATA_DIR: folder })
  const queue = await openQueue(`sqlite:${join(folder, 'queue.db')}`)
  t.after(() => queue.close())
  return { ...world, queue }
}

/** Presses a button by the keyboard alone. */
async function press(page: Page, name: string, within = 'body'): Promise<void> {
  const button = page.locator(within).getByRole('button', { name, exact: true }).last()
  await button.waitFor()
  await button.focus()
  await page.keyboard.press('Enter')
}
