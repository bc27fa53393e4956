import { readSettings, loadConfig } from '@quintet/chassis/config'
import { addressOf } from '@quintet/chassis/http'
import { consoleSettings } from '@quintet/console/config'
import { sendTrusting } from '@quintet/console/send'
import { certificateOf, reachable } from './console.ts'
import { UsageError } from './usage-error.ts'

/** More than any action of the console may take. */
const timeoutMs = 60_000

/** Calls the console that the settings name, and gives the response as JSON. Throws a sentence where that is no success. */
export type CallConsole = (method: 'GET' | 'POST', path: string) => Promise<unknown>

export function consoleClient(): CallConsole {
  const config = loadConfig(consoleSettings, readSettings(process.env))
  const address = addressOf('console', config)
  if (address === undefined) throw new TypeError('The console has no address.')
  if (address.port === 0)
    throw new UsageError('CONSOLE_PORT is 0, any free port, so the console cannot be found: set it.')
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  const url = reachable(`${config.TLS_CERT_FILE === '' ? 'http' : 'https'}://${host}:${address.port}`)
  const token = config.CONSOLE_TOKEN
  const send = sendTrusting(() => ({ own: certificateOf(config, '') }))
  const headers = {
    accept: 'application/json',
    ...(token !== '' && { authorization: `Bearer ${token}` }),
  }
  return async (method, path) => {
    const response = await send(new URL(path, url), {
      method,
      headers:
        method === 'GET'
          ? headers
          : { ...headers, 'content-type': 'application/json', 'x-quintet-console': '1' },
      signal: AbortSignal.timeout(timeoutMs),
    }).catch((error: unknown) => {
      throw new UsageError(unreachable(url, error))
    })
    const body: unknown = await response.json().catch(() => undefined)
    if (response.ok) return body
    throw new UsageError(sentenceOf(response.status, body))
  }
}

function unreachable(url: string, error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const reason = cause instanceof Error ? cause.message : String(cause)
  return `The console does not respond at ${url}: ${reason}. It runs with npm start, or alone: npm start console.`
}

function sentenceOf(status: number, body: unknown): string {
  const detail = String(Object(body).detail ?? `The console responds with ${status}.`)
  return status === 401 ? `${detail} Set CONSOLE_TOKEN to the token of the console.` : detail
}
