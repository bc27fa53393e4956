import { createApp, listen } from '@quintet/chassis/http'
import { createLogger } from '@quintet/chassis/telemetry'
import type { Browser, Page } from 'playwright-core'
import { addAssets } from '../../console/src/assets.ts'
import { charts, series } from './answers/charts.ts'
import { promises } from './answers/promises.ts'
import { deadLetterGroups, deadLetters, queues } from './answers/queues.ts'
import { actions, events, serviceDetail, services, session, systemMap } from './answers/system.ts'
import { logs, trace, traces } from './answers/traces.ts'

/** The pages of the console with data that is always the same. */

/** The time that they show. */
const now = Date.UTC(2026, 10, 30, 12, 0)
/** The trace that pictures and texts show. */
export const traceId = String(traces(now).data[2]?.id)

const guids = ['A', 'B', 'C'].map((digit, i) => ({
  guid: digit.repeat(32),
  user: `user ${i + 1}`,
  expire: String(now / 1_000 + 3_600 * (i + 1)),
}))

/** The page, and an API that responds with the data. */
export async function openFixedConsole() {
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
      reply.raw.req.socket.once('end', () => reply.raw.end())
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
    case 'data':
      return guids
    default:
      return undefined
  }
}

/** Opens one of them, in a browser with the same time, language and zone everywhere. */
export async function openFixedPage(
  browser: Browser,
  address: string,
  theme: 'light' | 'dark' = 'light',
): Promise<{ page: Page; faults: readonly string[] }> {
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
  return { page, faults }
}
