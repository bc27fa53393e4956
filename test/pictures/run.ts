import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { parseCommandLine, runProgram, UsageError } from '@quintet/backends/command-line'
import { createApp, listen } from '@quintet/chassis/http'
import { createLogger } from '@quintet/chassis/telemetry'
import { chromium } from 'playwright-core'
import type { Browser } from 'playwright-core'
import { addAssets } from '../../console/src/assets.ts'
import { charts, series } from './answers/charts.ts'
import { promises } from './answers/promises.ts'
import { deadLetterGroups, deadLetters, queues } from './answers/queues.ts'
import { actions, events, serviceDetail, services, session, systemMap } from './answers/system.ts'
import { logs, trace, traces } from './answers/traces.ts'

/** Makes the pictures of the documentation: the pages of the console with data that is always the same, in Chromium. */

/** The time that the pages show. */
const now = Date.UTC(2026, 10, 30, 12, 0)
const folder = join(import.meta.dirname, '../../docs/pictures')
const bytesMax = 150_000
/** What each picture shows, by its name. */
const pictures: Readonly<Record<string, string>> = {
  map: '/',
  traces: '/traces',
  trace: `/traces/${traces(now).data[2]?.id}`,
  queue: '/queues/billing_queue.dead',
  charts: '/charts',
  promises: '/promises',
}
/** Until charts and the stream have drawn what they have. */
const settleMs = 2_000

const chromiumPath = (process.env.PATH ?? '')
  .split(delimiter)
  .flatMap((path) => ['chromium', 'chromium-browser', 'google-chrome'].map((name) => join(path, name)))
  .find((file) => existsSync(file))

/** The page, and an API that responds with the data. */
async function openPage() {
  const app = await createApp({
    name: 'console',
    title: 'Console',
    description: 'With data for pictures.',
    logger: createLogger({ service: 'console', level: 'silent' }),
    hasOwnHome: true,
  })
  addAssets(app)
  app.get('/api/*', { schema: { hide: true } }, async (request, reply) => {
    const { pathname, searchParams: query } = new URL(request.url, 'http://console')
    const body = bodyOf(pathname.slice('/api/'.length), query)
    return body === undefined ? reply.code(404).send({ title: 'Not Found' }) : reply.send(body)
  })
  app.get(
    '/api/live',
    { schema: { hide: true }, config: { mediaTypes: ['text/event-stream'] } },
    (_request, reply) => {
      reply.hijack()
      reply.raw.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const [topic, data] of Object.entries({ map: systemMap(now), queues: queues() }))
        reply.raw.write(`event: ${topic}\ndata: ${JSON.stringify(data)}\n\n`)
    },
  )
  app.post('/api/queues/:name/look', { schema: { hide: true } }, async () => deadLetters(now))
  app.post('/api/queues/:name/reasons', { schema: { hide: true } }, async () => deadLetterGroups(now))
  return { app, address: await listen(app, { host: '127.0.0.1', port: 0 }) }
}

function bodyOf(path: string, query: URLSearchParams): unknown {
  const [collection = '', id] = path.split('/')
  const span = (name: string, otherwise: number) => Number(query.get(name) ?? otherwise)
  switch (collection) {
    case 'session':
      return session(now)
    case 'map':
      return systemMap(now)
    case 'services':
      return id === undefined ? services(now) : serviceDetail(id, now, query.has('doctor'))
    case 'events':
      return events(now)
    case 'actions':
      return actions(now)
    case 'queues':
      return queues()
    case 'charts':
      return charts()
    case 'series':
      return series(query.get('name') ?? '', span('from', now - 900_000), span('to', now), span('step', 10))
    case 'promises': {
      const verdict = query.get('verdict')
      const { data } = promises(now)
      return { data: verdict === null ? data : data.filter((check) => check.verdict === verdict) }
    }
    case 'traces':
      return id === undefined ? traces(now) : trace(id, now)
    case 'logs':
      return logs(now)
    default:
      return undefined
  }
}

/** A picture in WebP, which Chromium writes itself. */
async function take(browser: Browser, address: string, theme: 'light' | 'dark'): Promise<Buffer> {
  const context = await browser.newContext({
    colorScheme: theme,
    viewport: { width: 1280, height: 800 },
    locale: 'en-GB',
    timezoneId: 'UTC',
  })
  const page = await context.newPage()
  const faults: string[] = []
  page.on('console', (message) => faults.push(message.text()))
  page.on('pageerror', ({ message }) => faults.push(message))
  await page.clock.setFixedTime(now)
  await page.goto(address)
  await page.waitForTimeout(settleMs)
  const devtools = await context.newCDPSession(page)
  const { data } = await devtools.send('Page.captureScreenshot', { format: 'webp', quality: 90 })
  await context.close()
  if (faults.length > 0) throw new Error(`${address}: ${faults.join('; ')}`)
  return Buffer.from(data, 'base64')
}

async function makeAll(executablePath: string): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const { app, address } = await openPage()
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  for (const [name, path] of Object.entries(pictures))
    for (const theme of ['light', 'dark'] as const) {
      const picture = await take(browser, address + path, theme)
      if (picture.length > bytesMax) throw new Error(`${name} in ${theme} has ${picture.length} bytes.`)
      writeFileSync(join(folder, `${name}-${theme}.webp`), picture)
      process.stdout.write(`docs/pictures/${name}-${theme}.webp   ${picture.length} bytes\n`)
    }
  await browser.close()
  await app.close()
}

const usage = `Usage: npm run console:pictures

Makes the pictures of the console in docs/pictures, from data that is always the same, in Chromium.`

await runProgram(usage, async (args) => {
  parseCommandLine({ args: [...args] })
  if (chromiumPath === undefined)
    throw new UsageError('Chromium is not in PATH; on Debian: apt-get install chromium')
  await makeAll(chromiumPath)
  return true
})
