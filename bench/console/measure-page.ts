import { chromium } from 'playwright-core'
import type { Browser, CDPSession } from 'playwright-core'
import { executablePath } from '../../test/slow/chromium.ts'
import { medianOf } from '../median.ts'
import { quantileOf } from '../quantile.ts'
import type { Budget, ConsoleOptions } from './budgets.ts'
import { sendLines } from './telemetry.ts'

const eventSeconds = 10
const rows = 10_000
const scrolls = 60

/** What the page takes of the network, of time and of the document, in a Chromium without a window. */
export async function measurePage(
  url: string,
  { rounds, progress }: Pick<ConsoleOptions, 'rounds' | 'progress'>,
): Promise<Budget[]> {
  if (executablePath === undefined)
    throw new Error('Chromium is not installed, without which no page can be measured.')
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  try {
    progress('loading the first page')
    const visit = await measureVisit(browser, url, rounds)
    progress(`scrolling through ${rows} lines`)
    const list = await measureList(browser, url)
    progress(`showing 1,000 events a second for ${eventSeconds} s`)
    return [...visit, ...list, ...(await measureEvents(browser, url))]
  } finally {
    await browser.close()
  }
}

async function measureVisit(browser: Browser, url: string, rounds: number): Promise<Budget[]> {
  const page = await browser.newPage()
  const session = await page.context().newCDPSession(page)
  await session.send('Network.enable')
  let [bytes, requests] = [0, 0]
  session.on('Network.requestWillBeSent', () => {
    requests += 1
  })
  session.on('Network.loadingFinished', ({ encodedDataLength }) => {
    bytes += encodedDataLength
  })
  await page.goto(url)
  await page.getByRole('heading', { name: 'Map', level: 1 }).waitFor()
  await page.waitForTimeout(1_000)
  const [firstBytes, firstRequests] = [bytes, requests]
  const paints: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    await page.goto(url)
    await page.getByRole('heading', { name: 'Map', level: 1 }).waitFor()
    const paint = await page.evaluate(`performance.getEntriesByName('first-contentful-paint')[0]?.startTime`)
    paints.push(Number(paint))
  }
  await page.close()
  return [
    { name: 'first visit, kB', value: firstBytes / 1_000, max: 80 },
    { name: 'first visit, requests', value: firstRequests, max: 40 },
    { name: 'first paint, warm, ms', value: medianOf(paints) ?? Number.NaN, max: 500 },
  ]
}

async function measureList(browser: Browser, url: string): Promise<Budget[]> {
  await sendLines(url, rows)
  const page = await browser.newPage()
  await page.goto(`${url}/logs?live=off`)
  const grid = page.getByRole('grid')
  await grid.waitFor()
  const frames: unknown = await page.evaluate(`(async () => {
    const scroller = document.querySelector('.grid')
    const frame = () => new Promise(requestAnimationFrame)
    const times = []
    for (let i = 0; i < ${scrolls}; i += 1) {
      const startedAt = performance.now()
      scroller.scrollTop += 900
      await frame()
      await frame()
      times.push(performance.now() - startedAt)
    }
    return times
  })()`)
  const count = await page.locator('.grid-rows [role=row]').count()
  await page.close()
  return [
    { name: `rows in the document, of ${rows}`, value: count, max: 60 },
    {
      name: 'a scroll, p95 ms',
      value: quantileOf(Array.isArray(frames) ? frames.map(Number) : [], 0.95),
      max: 100,
    },
  ]
}

async function measureEvents(browser: Browser, url: string): Promise<Budget[]> {
  const page = await browser.newPage()
  await page.goto(`${url}/logs`)
  const session = await page.context().newCDPSession(page)
  // The time of the thread, which does not count what else the machine does.
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  await sendLines(url, 1, 0)
  await page.getByRole('grid').waitFor()
  await page.evaluate(`
    globalThis.changes = 0
    new MutationObserver(() => { changes += 1 }).observe(document.querySelector('.grid-rows'), { childList: true })
  `)
  const before = await taskSeconds(session)
  for (let tenth = 0; tenth < eventSeconds * 10; tenth += 1) {
    const next = page.waitForTimeout(100)
    await sendLines(url, 100, 100)
    await next
  }
  const changes = Number(await page.evaluate('changes'))
  const seconds = (await taskSeconds(session)) - before
  await page.close()
  return [
    { name: 'changes of the document a second, at 1,000 events', value: changes / eventSeconds, max: 4 },
    { name: 'a change, ms', value: (seconds * 1_000) / changes, max: 100 },
  ]
}

async function taskSeconds(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics')
  return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN
}
