import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { openFixedPage, traceId } from './fixed-console.ts'

/** What a screen reader gets of each page, as files that a test compares with the pages. */

/** Each page by the name of its file. */
const addresses: Readonly<Record<string, string>> = {
  map: '/',
  traces: '/traces',
  trace: `/traces/${traceId}`,
  logs: '/logs',
  queues: '/queues',
  queue: '/queues/billing_queue.dead',
  data: '/data',
  charts: '/charts',
  promises: '/promises',
  services: '/services',
  service: '/services/billing',
  actions: '/actions',
}
export const pageNames = Object.keys(addresses)

export const fileOf = (name: string): string => join(import.meta.dirname, 'texts', `${name}.yml`)

const sameFor = 5
const pauseMs = 200
const triesMax = 90

/** The tree of roles, names and texts of a page, once it does not change any more. */
export async function textOf(browser: Browser, origin: string, name: string): Promise<string> {
  const { page, faults } = await openFixedPage(browser, origin + addresses[name])
  await page.getByRole('heading', { level: 1 }).waitFor()
  let [text, same] = ['', 0]
  for (let tries = 0; same < sameFor && tries < triesMax; tries += 1) {
    await page.waitForTimeout(pauseMs)
    const next = await page.locator('body').ariaSnapshot()
    same = next === text ? same + 1 : 0
    text = next
  }
  await page.context().close()
  if (faults.length > 0) throw new Error(`${name}: ${faults.join('; ')}`)
  return `${text}\n`
}
