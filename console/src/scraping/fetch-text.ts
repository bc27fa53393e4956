import { bodyText } from '../body-text.ts'
import type { Send } from '../send.ts'

/** Why metrics cannot be read, in a sentence. */
export class ScrapeFault extends Error {}

/** Gets the text of metrics at a URL, or rejects with a `ScrapeFault`. */
export type FetchText = (url: string, send: Send) => Promise<string>

const timeoutMs = 5_000
const bytesMax = 8 * 1_048_576

/** Gets it within so many bytes and so much time. */
export function createFetchText(limits: { timeoutMs?: number; bytesMax?: number } = {}): FetchText {
  const within = { timeoutMs, bytesMax, ...limits }
  return async (url, send) => {
    try {
      return await fetchText(url, send, within)
    } catch (error) {
      throw error instanceof ScrapeFault ? error : new ScrapeFault(reasonOf(error, within.timeoutMs))
    }
  }
}

async function fetchText(
  url: string,
  send: Send,
  limits: { timeoutMs: number; bytesMax: number },
): Promise<string> {
  const response = await send(url, {
    headers: { accept: 'text/plain;version=0.0.4' },
    signal: AbortSignal.timeout(limits.timeoutMs),
  })
  if (!response.ok || !isOfMetrics(response.headers.get('content-type'))) {
    await response.body?.cancel()
    throw new ScrapeFault(response.ok ? `There are no metrics at ${url}.` : refusalOf(response.status, url))
  }
  const text = await bodyText(response, limits.bytesMax)
  if (text === undefined) throw new ScrapeFault(`There are more than ${limits.bytesMax} bytes of metrics.`)
  return text
}

function isOfMetrics(type: string | null): boolean {
  return type !== null && /^(?:text\/plain|application\/openmetrics-text)\b/.test(type)
}

function refusalOf(status: number, url: string): string {
  if (status === 401 || status === 403)
    return 'They are for clients with the scope quintet:observe; give the services an OPERATIONS_PORT, which needs none.'
  return `${url} responds with ${status}.`
}

function reasonOf(error: unknown, ms: number): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return `There is no response within ${ms} ms.`
  const { cause } = error
  return cause instanceof Error && cause.message !== '' ? `${cause.message}.` : error.message
}
