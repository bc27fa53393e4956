import { finestStepMs } from './charts/steps.ts'
import type { ConsoleParts } from './parts.ts'
import { parseSeries } from './scraping/metrics-text.ts'
import type { ReadRows } from './series.ts'

type Parts = Pick<ConsoleParts, 'clock'> & {
  readonly services: readonly Pick<ConsoleParts['services'][number], 'name'>[]
  readonly rows: ReadRows
}

const served = 'http_server_request_duration_seconds_count'
const forwarded = 'http_client_request_duration_seconds_count'

/** Counts the requests of clients in a span of time: those that services have had, but for those that came from the gateway. */
export function createRequestCount({ clock, services, rows }: Parts) {
  return async ({ from, to }: { readonly from: number; readonly to: number }): Promise<number | null> => {
    const stepMs = finestStepMs(from, clock.now())
    const counts: number[] = []
    for (const { name: service } of services)
      for (const { samples } of await rows({ from, to, service, stepMs, names: [served, forwarded] }))
        for (const [name, count] of Object.entries(samples))
          counts.push(parseSeries(name).name === served ? count : -count)
    if (counts.length === 0) return null
    return Math.max(
      0,
      counts.reduce((sum, count) => sum + count, 0),
    )
  }
}
