import type { TestContext } from 'node:test'
import { createApp, listen } from '@quintet/chassis/http'
import { createLogger, createMetrics } from '@quintet/chassis/telemetry'
import { openTelemetryFile } from '@quintet/chassis/telemetry/file'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { serviceNames } from '@quintet/contracts/topology'
import type { ServiceName } from '@quintet/contracts/topology'
import { createFigures, kept } from '../src/figures.ts'
import { createScraper } from '../src/scraper.ts'
import { send } from '../src/send.ts'
import { createFetchText } from '../src/scraping/fetch-text.ts'
import type { EventList, ServiceState } from '../src/wire/index.ts'

export const begin = Date.UTC(2026, 0, 1)
export const logger = createLogger({ service: 'test', level: 'silent' })

/**
 * An app of the chassis that listens in the place of a service, with a route that succeeds and one that fails; and the URL of its
 * metrics, which are as new as each scrape.
 */
export async function listenAs(t: TestContext, name: string, metrics = createMetrics()) {
  const app = await createApp({ name, title: name, description: 'For tests.', logger, metrics })
  t.after(() => app.close())
  app.get('/good', async () => ({ ok: true }))
  app.get('/bad', async () => {
    throw new Error('It fails.')
  })
  app.get('/metrics/now', async (_request, reply) => reply.type('text/plain').send(await metrics.text()))
  const url = await listen(app, { host: '127.0.0.1', port: 0 })
  return { app, url: `${url}/metrics/now` }
}

type Given = {
  /** Where the metrics of services are. */
  readonly urls: Partial<Record<ServiceName, string>>
  readonly state?: (name: ServiceName) => ServiceState
  readonly metricsText?: () => Promise<string>
  readonly timeoutMs?: number
  readonly bytesMax?: number
}

/** A scraper of services, whose rows are in a file of telemetry in memory. */
export function createScraping(t: TestContext, { urls, state = () => 'up', metricsText, ...limits }: Given) {
  const clock = createManualClock(begin)
  const file = openTelemetryFile(':memory:', { bytesMax: 20_000_000, now: clock.now })
  t.after(() => file.close())
  const services = serviceNames
    .filter((name) => name in urls)
    .map((name) => ({
      ...{ name, send, metricsUrl: () => urls[name] ?? '', metricsText },
      control: { state: () => state(name), since: () => begin, start: async () => {}, stop: async () => {} },
    }))
  const events: EventList['data'][number][] = []
  const scraper = createScraper({
    ...{ services, kept, clock, logger, fetchText: createFetchText(limits) },
    history: { addEvent: async (event) => void events.push(event) },
    stateOf: async (name) => ({ state: state(name) }),
    keep: async ({ at, service, samples }) => file.addSamples(at, service, samples),
  })
  return {
    ...{ clock, file, scraper, services, events },
    figures: createFigures(services, scraper),
    /** Scrapes ten seconds later. */
    async scrapeNext(): Promise<void> {
      clock.advance(10_000)
      await scraper.scrape(clock.now())
    },
  }
}
