import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseCommandLine, runProgram, UsageError } from '@quintet/backends/command-line'
import { chromium } from 'playwright-core'
import type { Browser } from 'playwright-core'
import { executablePath } from '../slow/chromium.ts'
import { openFixedConsole, openFixedPage, traceId } from './fixed-console.ts'
import { fileOf, pageNames, textOf } from './texts.ts'

/** Makes the pictures of the documentation: the pages of the console with data that is always the same, in Chromium. */

const folder = join(import.meta.dirname, '../../docs/pictures')
const bytesMax = 150_000
/** What each picture shows, by its name. */
const pictures: Readonly<Record<string, string>> = {
  map: '/',
  traces: '/traces',
  trace: `/traces/${traceId}`,
  queue: '/queues/billing_queue.dead',
  charts: '/charts',
  promises: '/promises',
}
/** Until charts and the stream have drawn what they have. */
const settleMs = 2_000

/** A picture in WebP, which Chromium writes itself. */
async function take(browser: Browser, address: string, theme: 'light' | 'dark'): Promise<Buffer> {
  const { page, faults } = await openFixedPage(browser, address, theme)
  await page.waitForTimeout(settleMs)
  const devtools = await page.context().newCDPSession(page)
  const { data } = await devtools.send('Page.captureScreenshot', { format: 'webp', quality: 90 })
  await page.context().close()
  if (faults.length > 0) throw new Error(`${address}: ${faults.join('; ')}`)
  return Buffer.from(data, 'base64')
}

async function makePictures(browser: Browser, origin: string): Promise<void> {
  for (const [name, path] of Object.entries(pictures))
    for (const theme of ['light', 'dark'] as const) {
      const picture = await take(browser, origin + path, theme)
      if (picture.length > bytesMax) throw new Error(`${name} in ${theme} has ${picture.length} bytes.`)
      write(join(folder, `${name}-${theme}.webp`), picture)
    }
}

async function makeTexts(browser: Browser, origin: string): Promise<void> {
  for (const name of pageNames) write(fileOf(name), await textOf(browser, origin, name))
}

function write(path: string, content: string | Buffer): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
  process.stdout.write(`${path}   ${content.length} bytes\n`)
}

const usage = `Usage: npm run console:pictures [-- --texts]

Makes the pictures of the console in docs/pictures, from data that is always the same, in Chromium. With --texts it writes
what a screen reader gets of each page instead, with which a test compares the pages.`

await runProgram(usage, async (args) => {
  const { values } = parseCommandLine({
    args: [...args],
    options: { texts: { type: 'boolean', default: false } },
  })
  if (executablePath === undefined)
    throw new UsageError('Chromium is not in PATH; on Debian: apt-get install chromium')
  const { app, address } = await openFixedConsole()
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  await (values.texts ? makeTexts : makePictures)(browser, address)
  await browser.close()
  await app.close()
  return true
})
