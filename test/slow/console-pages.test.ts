import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { withChromium } from './browser.ts'
import { findingsOf, openConsole, sendLines, sendTrace } from './console-browser.ts'
import type { Theme } from './console-browser.ts'

const addresses = [
  '/',
  '/traces',
  '/logs',
  '/queues',
  '/queues/billing_queue',
  '/data',
  '/charts',
  '/promises',
  '/services',
  '/services/guid',
  '/actions',
] as const

test(
  'Each page opens by its address, without a message of the browser and a finding of axe, in both themes',
  withChromium,
  async (t) => {
    const world = await openConsole(t)
    await fetch(`${world.gateway}/guids`)
    const trace = await sendTrace(world.address, [{ name: 'GET /guids' }, { name: 'SELECT guid', parent: 0 }])
    const found: string[] = []
    for (const theme of ['light', 'dark'] satisfies Theme[])
      for (const path of [...addresses, `/traces/${trace}`]) {
        const page = await world.open(path, { theme })
        await settled(page)
        assert.equal(await page.locator('h1').count(), 1, path)
        assert.equal(await page.locator('#rail [aria-current=page]').count(), 1, path)
        for (const finding of await findingsOf(page)) found.push(`${path} in ${theme}: ${finding}`)
        await page.context().close()
      }
    assert.deepEqual(found, [])
    assert.deepEqual(world.faults, [])
  },
)

test('No page is wider than a screen of 360 pixels, nor than a window at 200 %', withChromium, async (t) => {
  const world = await openConsole(t)
  const trace = await sendTrace(world.address, [{ name: 'GET /guids' }])
  const wide: string[] = []
  for (const [width, height] of [
    [360, 740],
    [640, 400],
  ] as const)
    for (const path of [...addresses, `/traces/${trace}`]) {
      const page = await world.open(path, { width, height })
      await settled(page)
      const needed = Number(await page.evaluate('document.documentElement.scrollWidth'))
      if (needed > width) wide.push(`${path} needs ${needed} of ${width} pixels`)
      await page.context().close()
    }
  assert.deepEqual(wide, [])
})

test('A first visit loads at most 80 kB of code, and all by at most 40 requests', withChromium, async (t) => {
  const world = await openConsole(t)
  const page = await world.open('about:blank')
  const session = await page.context().newCDPSession(page)
  await session.send('Network.enable')
  // The first request of each address: on a busy machine some are read again before all else is there.
  const first = new Map<string, string>()
  const data = new Set<string>()
  let bytes = 0
  session.on('Network.requestWillBeSent', ({ request, requestId }) => {
    if (!first.has(request.url)) first.set(request.url, requestId)
    if (request.url.includes('/api/')) data.add(requestId)
  })
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    // What there is to show grows with what has happened.
    if ([...first.values()].includes(requestId) && !data.has(requestId)) bytes += encodedDataLength
  })
  await page.goto(world.address)
  await settled(page)
  t.diagnostic(`${bytes} bytes, ${first.size} requests`)
  assert.ok(bytes <= 80_000, `${bytes} bytes`)
  assert.ok(first.size <= 40, `${first.size} requests`)
})

test('A script in a name, an attribute or a line of the log is shown as text', withChromium, async (t) => {
  const world = await openConsole(t)
  const script = '<img src=x onerror=alert(1)><script>alert(2)</script>'
  const trace = await sendTrace(world.address, [
    { name: `GET ${script}`, attributes: { 'url.path': script, 'http.route': script } },
    { name: script, parent: 0, error: script },
  ])
  await sendLines(world.address, [{ text: script, level: 'ERROR' }])
  for (const path of [
    '/traces',
    `/traces/${trace}`,
    `/traces/${trace}?tab=json`,
    '/logs',
    `/logs?words=${encodeURIComponent(script)}`,
    `/traces?words=${encodeURIComponent(script)}&find=${encodeURIComponent(script)}`,
  ]) {
    const page = await world.open(path)
    await settled(page)
    assert.equal(await page.locator('img, main script').count(), 0, path)
    await page.context().close()
  }
  const page = await world.open('/logs')
  await page.getByRole('gridcell', { name: script }).first().waitFor()
  assert.deepEqual(world.faults, [])
})

/** Waits until a page has loaded what it shows first. */
async function settled(page: Page): Promise<void> {
  await page.locator('h1').first().waitFor()
  await page.locator('.state.loading').first().waitFor({ state: 'detached' })
  await page.waitForTimeout(300)
}

test(
  'Whoever has signed in signs out, after which neither the page nor the cookie is of use',
  withChromium,
  async (t) => {
    const token = 'a-token-of-the-console-that-is-long-enough'
    const world = await openConsole(t, { CONSOLE_TOKEN: token })
    const page = await world.open(`/#token=${token}`)
    await page.getByRole('heading', { name: 'Map', level: 1 }).waitFor()
    const [cookie] = await page.context().cookies()
    const read = () =>
      fetch(`${world.address}/api/services`, { headers: { cookie: `${cookie?.name}=${cookie?.value}` } })
    assert.equal((await read()).status, 200)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByLabel('Token').waitFor()
    assert.equal((await read()).status, 401)
    await page.reload()
    await page.getByLabel('Token').fill(token)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Map', level: 1 }).waitFor()
  },
)
