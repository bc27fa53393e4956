import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CDPSession, Page } from 'playwright-core'
import { withChromium } from './browser.ts'
import { openConsole, sendLines, sendTrace } from './console-browser.ts'

test(
  'A request is among the traces by itself, and leads to its spans and its JSON',
  withChromium,
  async (t) => {
    const world = await openConsole(t)
    const page = await world.open('/traces')
    await page.getByRole('heading', { name: 'Traces', level: 1 }).waitFor()
    const response = await fetch(`${world.gateway}/api/movies`)
    const row = page.getByRole('row', { name: 'GET /api/movies' })
    await row.first().waitFor()
    await row.first().click()
    await page.getByRole('treegrid', { name: 'Spans' }).waitFor()
    const spans = page.locator('[role=treegrid] [aria-level]')
    assert.ok((await spans.count()) >= 2, 'The gateway and the service have a span each.')
    await page
      .getByText(String(response.headers.get('x-request-id')))
      .first()
      .waitFor()
    await page.getByRole('tab', { name: 'JSON' }).click()
    await page.getByText('resourceSpans').waitFor()
    assert.deepEqual(world.faults, [])
  },
)

test('A part of a trace that nobody has kept is shown as a gap', withChromium, async (t) => {
  const world = await openConsole(t)
  const trace = await sendTrace(world.address, [{ name: 'GET' }, { name: 'SELECT guid', parent: 0 }])
  const orphan = await sendOrphan(world.address, trace)
  const page = await world.open(`/traces/${trace}`)
  await page.getByRole('row', { name: 'Not kept' }).waitFor()
  await page.getByRole('row', { name: orphan }).waitFor()
})

test(
  'Of 10,000 lines fewer than 60 rows are in the document, and the search box finds what is in any of them',
  withChromium,
  async (t) => {
    const world = await openConsole(t)
    for (let part = 0; part < 10; part += 1)
      await sendLines(
        world.address,
        Array.from({ length: 1_000 }, (_, i) => ({ text: `needle${part * 1_000 + i}x`, level: 'ERROR' })),
      )
    const page = await world.open('/logs?live=off')
    await page.getByRole('grid').waitFor()
    await page.keyboard.press('/')
    await page.keyboard.type('needle42x')
    await page.getByText('1 match in').waitFor()
    assert.ok((await rowsInDocument(page)) <= 60)
    const started = performance.now()
    await page.keyboard.press('Enter')
    await page.locator('.grid-row.found').waitFor()
    t.diagnostic(`Found and shown within ${Math.round(performance.now() - started)} ms`)
    assert.equal(await page.getByRole('gridcell', { name: 'needle42x', exact: true }).isVisible(), true)
    assert.ok((await rowsInDocument(page)) <= 60)
    assert.ok(Number(await page.getByRole('grid').getAttribute('aria-rowcount')) >= 10_000)
    assert.deepEqual(world.faults, [])
  },
)

test('All of it is reached by the keyboard alone, and the focus comes back', withChromium, async (t) => {
  const world = await openConsole(t)
  // Later than those of the requests that the console sends itself, which have one span.
  const at = Date.now() + 60_000
  for (const name of ['GET /first', 'GET /second', 'GET /third'])
    await sendTrace(world.address, [{ name }, { name: 'inner', parent: 0, startMs: 2, durationMs: 5 }], {
      at,
    })
  const page = await world.open('/')
  await page.keyboard.press('g')
  await page.keyboard.press('t')
  await page.getByRole('heading', { name: 'Traces', level: 1 }).waitFor()
  await page.getByRole('row', { name: 'GET /first' }).waitFor()
  // A trace that comes puts all rows one further down.
  await page.keyboard.press('Space')
  await page.getByRole('button', { name: 'Paused' }).waitFor()
  await page.keyboard.press('j')
  await page.locator('[aria-rowindex="2"]:focus').waitFor()
  await page.keyboard.press('ArrowDown')
  await page.locator('[aria-rowindex="3"]:focus').waitFor()
  await page.keyboard.press('k')
  await page.locator('[aria-rowindex="2"]:focus').waitFor()
  await page.keyboard.press('Enter')
  await page.getByRole('treegrid').waitFor()
  await page.keyboard.press('j')
  await page.keyboard.press('ArrowLeft')
  await page.locator('[role=row][aria-expanded=false]').waitFor()
  await page.keyboard.press('ArrowRight')
  await page.locator('[role=row][aria-expanded=true]').waitFor()

  await page.getByRole('button', { name: 'Help' }).focus()
  await page.keyboard.press('Enter')
  await page.getByRole('dialog', { name: 'Help' }).waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await page.locator('button[aria-label=Help]:focus').waitFor()

  await page.keyboard.press('g')
  await page.keyboard.press('l')
  await page.getByRole('heading', { name: 'Logs', level: 1 }).waitFor()
  assert.deepEqual(world.faults, [])
})

test(
  'At 1,000 lines a second the page changes at most some times a second and does not block, and a pause counts on',
  withChromium,
  async (t) => {
    const world = await openConsole(t)
    const page = await world.open('/logs')
    await page.getByRole('heading', { name: 'Logs', level: 1 }).waitFor()
    const session = await page.context().newCDPSession(page)
    // The time of the thread, which does not count what else the machine does.
    await session.send('Performance.enable', { timeDomain: 'threadTicks' })
    const sending = sendSteadily(world.address, 5)
    await page.getByRole('grid').waitFor()
    await page.evaluate(`
      globalThis.changes = 0
      new MutationObserver(() => { changes += 1 }).observe(document.querySelector('.grid-rows'), { childList: true })
    `)
    const before = await taskSeconds(session)
    await page.waitForTimeout(3_000)
    const changes = Number(await page.evaluate('changes'))
    const seconds = (await taskSeconds(session)) - before
    t.diagnostic(`${changes} changes in 3 s, which took ${Math.round(seconds * 1_000)} ms`)
    assert.ok(changes > 0 && changes <= 3 * 4 + 4, `${changes} changes in 3 s`)
    assert.ok(seconds / changes < 0.1, `A change took ${Math.round((seconds / changes) * 1_000)} ms.`)

    await page.keyboard.press('Space')
    await page.getByText(/Paused: [\d,]+ lines? since then/).waitFor()
    const counted = async () => Number((await page.getByText(/Paused:/).innerText()).replace(/\D/g, ''))
    const countedBefore = await counted()
    const rows = await page.getByRole('grid').getAttribute('aria-rowcount')
    await page.waitForTimeout(1_500)
    assert.ok((await counted()) > countedBefore)
    assert.equal(await page.getByRole('grid').getAttribute('aria-rowcount'), rows)
    await sending
    await page.getByRole('button', { name: 'Go on' }).click()
    await page.getByText(/Paused:/).waitFor({ state: 'detached' })
    assert.deepEqual(world.faults, [])
  },
)

test('What the filters select is in the address, and opens again from it', withChromium, async (t) => {
  const world = await openConsole(t)
  await sendTrace(world.address, [{ name: 'GET /fast', durationMs: 2 }], { service: 'guid' })
  await sendTrace(world.address, [{ name: 'GET /bad', durationMs: 900, error: '500' }], {
    service: 'billing',
  })
  const page = await world.open('/traces')
  await page.getByRole('row', { name: 'GET /bad' }).waitFor()
  await page.getByRole('button', { name: /^billing/ }).click()
  await page.getByRole('row', { name: 'GET /fast' }).waitFor({ state: 'detached' })
  const again = await world.open(new URL(page.url()).pathname + new URL(page.url()).search)
  await again.getByRole('row', { name: 'GET /bad' }).waitFor()
  assert.equal(await again.getByRole('row', { name: 'GET /fast' }).count(), 0)
  await again.goBack()
  await page.goBack()
  await page.getByRole('row', { name: 'GET /fast' }).waitFor()
  assert.deepEqual(world.faults, [])
})

const rowsInDocument = (page: Page): Promise<number> => page.locator('.grid-rows > [role=row]').count()

/** How long the page has been at work so far. */
async function taskSeconds(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics')
  return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN
}

/** 250 lines, four times a second. */
async function sendSteadily(address: string, seconds: number): Promise<void> {
  for (let round = 0; round < seconds * 4; round += 1) {
    const lines = Array.from({ length: 250 }, (_, i) => ({
      text: `round ${round} line ${i}`,
      level: 'ERROR' as const,
    }))
    await Promise.all([sendLines(address, lines), new Promise((resolve) => setTimeout(resolve, 250))])
  }
}

/** Sends a span whose parent is not kept, and gives its name. */
async function sendOrphan(address: string, traceId: string): Promise<string> {
  const name = 'process orphan'
  const now = BigInt(Date.now()) * 1_000_000n
  const spans = [
    {
      ...{ traceId, spanId: 'aaaaaaaaaaaaaaaa', parentSpanId: 'bbbbbbbbbbbbbbbb', name, kind: 5 },
      ...{ startTimeUnixNano: String(now), endTimeUnixNano: String(now + 1_000_000n) },
    },
  ]
  const response = await fetch(`${address}/v1/traces`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ resourceSpans: [{ resource: { attributes: [] }, scopeSpans: [{ spans }] }] }),
  })
  assert.equal(response.status, 200)
  return name
}
