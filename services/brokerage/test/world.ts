import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { loadConfig } from '@quintet/chassis/config'
import type { App } from '@quintet/chassis/http'
import { createLogger } from '@quintet/chassis/telemetry'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { createBrokerageApp } from '../src/app.ts'
import { brokerageSettings } from '../src/config.ts'
import { freshStorage } from './fresh-storage.ts'

/** Noon of a day at the market. */
export const startMs = Date.parse('2030-01-01T12:00:00-06:00')
export const startSeconds = startMs / 1000

export type World = Awaited<ReturnType<typeof createWorld>>
type OrderBody = Record<string, unknown>

/** A brokerage on private storage, whose clock only the test advances. */
export async function createWorld(t: TestContext, settings: Record<string, string> = {}) {
  const clock = createManualClock(startMs)
  const CACHE_URL = process.env.TEST_CACHE ?? 'none:'
  const BROKERAGE_DATABASE_URL = settings.BROKERAGE_DATABASE_URL ?? (await privateStorage(t))
  const values = new Map(
    Object.entries({ CACHE_URL, ...settings, BROKERAGE_DATABASE_URL }).map(([name, value]) => [
      name,
      { value, source: 'environment' as const },
    ]),
  )
  const logger = createLogger({ service: 'brokerage', level: 'silent' })
  const app: App = await createBrokerageApp(loadConfig(brokerageSettings, values), {
    clock,
    logger,
    checkResponses: true,
  })
  t.after(() => app.close())

  const send = (url: string, type: string, payload: string | Buffer, headers = {}) =>
    app.inject({ method: 'POST', url, headers: { 'content-type': type, ...headers }, payload })
  const post = (url: string, body: unknown, headers = {}) =>
    send(url, 'application/json', typeof body === 'string' ? body : JSON.stringify(body), headers)

  return {
    app,
    clock,
    send,
    post,
    get: (url: string, headers = {}) => app.inject({ method: 'GET', url, headers }),
    form: (url: string, fields: Record<string, string>, headers = {}) =>
      send(url, 'application/x-www-form-urlencoded', String(new URLSearchParams(fields)), headers),
    /** Opens an account and resolves to its path. */
    async open(cash: unknown = 1000): Promise<string> {
      const response = await post('/accounts', { cash })
      assert.equal(response.statusCode, 200, response.body)
      return `/accounts/${response.json().id}`
    },
    order: (account: string, order: OrderBody = {}, headers = {}) =>
      post(`${account}/orders`, { ...buy, ...order }, headers),
  }
}

/** Storage for one app, which may be in memory. */
async function privateStorage(t: TestContext): Promise<string> {
  return process.env.TEST_DATABASE === undefined ? 'sqlite::memory:' : freshStorage(t)
}

/** An order that an account with a cash of 1000 can pay for. */
export const buy = {
  timestamp: startSeconds,
  operation: 'BUY',
  issuer_name: 'AAPL',
  total_shares: 2,
  share_price: 50,
}
