import type { App } from '@quintet/chassis/http'
import { createFailureLog } from '@quintet/chassis/telemetry'
import type { ServiceName } from '@quintet/contracts/topology'
import { createFigures, kept } from './figures.ts'
import type { FiguresOfNow } from './figures.ts'
import { addMap } from './map.ts'
import type { ConsoleParts } from './parts.ts'
import type { QueueLook } from './queue-look.ts'
import { createRequestCount } from './request-count.ts'
import { createScraper } from './scraper.ts'
import { addSeries } from './series.ts'
import type { ReadRows } from './series.ts'
import type { KnownState } from './states.ts'
import type { SystemMap } from './wire/index.ts'

type Parts = Pick<ConsoleParts, 'services' | 'clock' | 'logger' | 'history' | 'reader'> & {
  /** How a service is by its readiness. */
  readonly stateOf: (name: ServiceName) => Promise<KnownState> | undefined
  readonly lookAtQueues: QueueLook
}

/** What is known of the system by its metrics, for other subjects. */
type Measuring = Pick<FiguresOfNow, 'measuredOf' | 'ofQueue'> & {
  readonly countRequests: ReturnType<typeof createRequestCount>
  /** The map, for the live stream. */
  readonly currentMap: () => Promise<SystemMap>
  readonly stop: () => void
}

/** Scrapes the services from now on, and adds the charts and the map that are made of it. */
export function addMeasuring(app: App, parts: Parts): Measuring {
  const { services, reader } = parts
  const scraper = createScraper({
    ...parts,
    kept,
    keep: ({ at, service, samples }) => reader.call('addSamples', at, service, samples),
  })
  const figures = createFigures(services, scraper)
  const rows: ReadRows = (range) => reader.call('series', range)
  addSeries(app, { ...parts, scraper, rows, slowTraces: createSlowTraces(parts) })
  const currentMap = addMap(app, { ...parts, figures })
  scraper.start()
  const { measuredOf, ofQueue } = figures
  return {
    measuredOf,
    ofQueue,
    countRequests: createRequestCount({ ...parts, rows }),
    currentMap,
    stop: scraper.stop,
  }
}

/** A chart is one without traces too, so that they cannot be found is but a line in the log. */
function createSlowTraces({ reader, logger }: Parts): Parameters<typeof addSeries>[1]['slowTraces'] {
  const log = createFailureLog(logger, {
    failing: 'charts have no traces',
    recovered: 'charts have traces again',
  })
  return async (range) => {
    if (!reader.keepsTraces) return []
    try {
      const { data } = await reader.call('searchTraces', { ...range, sort: 'duration' })
      log.succeeded()
      return data
    } catch (error) {
      log.failed(error)
      return []
    }
  }
}
