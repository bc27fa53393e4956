import { request } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import type { Clock } from '@quintet/chassis/clock'
import { loadConfig } from '@quintet/chassis/config'
import { listen } from '@quintet/chassis/http'
import { createLogger, createMetrics } from '@quintet/chassis/telemetry'
import { settingsOf } from '@quintet/chassis/testing/settings'
import { createConsoleApp } from '@quintet/console'
import { consoleSettings } from '@quintet/console/config'
import type { ObservedService } from '@quintet/console/parts'

export const token = 'a token of the console that is long enough'.replaceAll(' ', '-')

type World = {
  readonly url: string
  /** The OpenAPI document of the console. */
  describe(): Promise<object>
  readonly send: Send
}
type Send = (method: string, path: string, request?: Sent) => Promise<Received>
type Sent = { readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
type Received = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly text: string }

/** What the page sends with all that is no GET. */
export const ownFields = { 'x-quintet-console': '1', 'content-type': 'application/json' }

/** A console that listens on a free port, with these settings and services. */
export async function openConsole(
  t: { after(end: () => Promise<unknown>): void },
  settings: Readonly<Record<string, string>> = {},
  { services = [], clock }: { services?: readonly ObservedService[]; clock?: Clock } = {},
): Promise<World> {
  const config = loadConfig(
    consoleSettings,
    settingsOf({ CHECK_RESPONSES: 'on', TELEMETRY_URL: 'none:', ...settings }),
  )
  const app = await createConsoleApp(config, {
    logger: createLogger({ service: 'console', level: 'silent' }),
    metrics: createMetrics(),
    ...(clock !== undefined && { clock }),
    version: '1.2.3',
    services,
    brokers: async () => [],
  })
  t.after(() => app.close())
  const url = await listen(app, { host: '127.0.0.1', port: 0 })
  return {
    url,
    describe: () => app.describe(),
    send: sendTo(url),
  }
}

export function sendTo(origin: string): Send {
  return (method, path, sent = {}) => send(method, new URL(path, origin), sent)
}

/** Sends any fields, also those that `fetch` sets itself, such as Host. */
function send(method: string, url: URL, { headers = {}, body }: Sent): Promise<Received> {
  const { promise, resolve, reject } = Promise.withResolvers<Received>()
  const sent = request(url, { method, headers: { ...headers }, agent: false }, (response) => {
    const chunks: Buffer[] = []
    response.on('data', (chunk: Buffer) => chunks.push(chunk))
    response.on('end', () =>
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        text: Buffer.concat(chunks).toString(),
      }),
    )
  })
  sent.on('error', reject)
  sent.end(body)
  return promise
}
