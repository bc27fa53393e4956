import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { TestContext } from 'node:test'
import { chromium } from 'playwright-core'
import type { Page } from 'playwright-core'
import { dataFolder, run } from '../system/processes.ts'
import { executablePath } from './chromium.ts'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

export type Theme = 'light' | 'dark'
type ConsoleWorld = {
  /** The addresses of the console and of the gateway. */
  readonly address: string
  readonly gateway: string
  /** A page of its own context, whose faults are counted with the others. */
  readonly open: (
    path: string,
    options?: { readonly theme?: Theme; readonly width?: number; readonly height?: number },
  ) => Promise<Page>
  /** Kills the whole system at once, with the console. */
  readonly kill: () => Promise<unknown>
  /** What went wrong in the pages: messages of the browser's console, among them violations of the policy, and requests that left the origin. */
  readonly faults: readonly string[]
}

/** The whole system with its console, and a browser. */
export async function openConsole(
  t: TestContext,
  settings: Readonly<Record<string, string>> = {},
): Promise<ConsoleWorld> {
  const quintet = run(t, ['quintet.ts', 'start'], {
    DATA_DIR: dataFolder(t),
    LOG_LEVEL: 'info',
    CONSOLE_PORT: '0',
    ...settings,
  })
  const [address, gateway] = [await quintet.address('console'), await quintet.address('gateway')]
  const browser = await chromium.launch({
    ...(executablePath !== undefined && { executablePath }),
    args: ['--no-sandbox'],
  })
  t.after(() => browser.close())
  const faults: string[] = []

  async function open(
    path: string,
    { theme = 'light', width = 1280, height = 800 }: Parameters<ConsoleWorld['open']>[1] = {},
  ): Promise<Page> {
    const context = await browser.newContext({ colorScheme: theme, viewport: { width, height } })
    const page = await context.newPage()
    page.setDefaultTimeout(20_000)
    watch(page, new URL(address).origin, faults)
    await page.goto(path.startsWith('about:') ? path : new URL(path, address).href)
    return page
  }
  return { address, gateway, open, kill: () => quintet.kill('SIGKILL'), faults }
}

function watch(page: Page, origin: string, faults: string[]): void {
  const where = () => new URL(page.url()).pathname
  page.on('console', (message) => faults.push(`${where()}: ${message.type()}: ${message.text()}`))
  page.on('pageerror', ({ message }) => faults.push(`${where()}: ${message}`))
  page.on('dialog', async (dialog) => {
    faults.push(`${where()}: a dialog says ${dialog.message()}`)
    await dialog.dismiss()
  })
  page.on('request', (request) => {
    const url = new URL(request.url())
    if (url.protocol !== 'data:' && url.origin !== origin) faults.push(`${where()} requests ${url.href}`)
  })
}

/** What axe finds on a page, by the rules of WCAG 2.2 AA and its own, each with the first places. */
export async function findingsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe)
  // Without preload, which would read the style sheets again to look at them, and insert them where the policy forbids it.
  const found: unknown = await page.evaluate(
    `axe.run({ resultTypes: ['violations'], preload: false }).then(({ violations }) => violations.map(({ id, nodes }) =>
      id + ': ' + nodes.slice(0, 3).map(({ target }) => target.join(' ')).join(', ')))`,
  )
  assert.ok(Array.isArray(found))
  return found.map(String)
}

/** Sends lines of a log to the console, as another process does (OTLP over HTTP, in JSON). */
export async function sendLines(
  address: string,
  lines: readonly { readonly text: string; readonly level?: 'INFO' | 'ERROR'; readonly service?: string }[],
): Promise<void> {
  const numbers = { INFO: 9, ERROR: 17 }
  const now = BigInt(Date.now()) * 1_000_000n
  const resourceLogs = [...Map.groupBy(lines, ({ service }) => service ?? 'guid')].map(
    ([service, those]) => ({
      resource: resourceOf(service),
      scopeLogs: [
        {
          logRecords: those.map(({ text, level = 'INFO' }, index) => ({
            timeUnixNano: String(now + BigInt(index)),
            severityNumber: numbers[level],
            severityText: level,
            body: { stringValue: text },
          })),
        },
      ],
    }),
  )
  await sendOtlp(address, 'logs', { resourceLogs })
}

type SentSpan = {
  readonly name: string
  readonly parent?: number
  readonly startMs?: number
  readonly durationMs?: number
  readonly error?: string
  readonly attributes?: Readonly<Record<string, string>>
}

/** Sends a trace to the console, as another process does, and gives its id. `parent` is the index of a span before. */
export async function sendTrace(
  address: string,
  spans: readonly SentSpan[],
  { service = 'guid', at = Date.now() - 5_000 } = {},
): Promise<string> {
  const traceId = randomBytes(16).toString('hex')
  const ids = spans.map(() => randomBytes(8).toString('hex'))
  const nanos = (ms: number) => String(BigInt(Math.round((at + ms) * 1_000)) * 1_000n)
  const sent = spans.map(({ name, parent, startMs = 0, durationMs = 10, error, attributes = {} }, index) => ({
    traceId,
    spanId: ids[index],
    ...(parent !== undefined && { parentSpanId: ids[parent] }),
    name,
    kind: parent === undefined ? 2 : 1,
    startTimeUnixNano: nanos(startMs),
    endTimeUnixNano: nanos(startMs + durationMs),
    attributes: [...Object.entries(attributes), ...(error === undefined ? [] : [['error.type', error]])].map(
      ([key, stringValue]) => ({ key, value: { stringValue } }),
    ),
    status: error === undefined ? {} : { code: 2, message: error },
  }))
  await sendOtlp(address, 'traces', {
    resourceSpans: [{ resource: resourceOf(service), scopeSpans: [{ spans: sent }] }],
  })
  return traceId
}

const resourceOf = (service: string) => ({
  attributes: [{ key: 'service.name', value: { stringValue: service } }],
})

async function sendOtlp(address: string, what: 'logs' | 'traces', body: object): Promise<void> {
  const response = await fetch(`${address}/v1/${what}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })
  assert.equal(response.status, 200, await response.text())
}
