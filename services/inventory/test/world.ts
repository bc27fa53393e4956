import type { TestContext } from 'node:test'
import { loadConfig } from '@quintet/chassis/config'
import { createLogger } from '@quintet/chassis/telemetry'
import { freshDatabase } from '@quintet/chassis/testing'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { createCaller } from '@quintet/chassis/testing/requests'
import { createInventoryApp } from '../src/app.ts'
import { inventorySettings } from '../src/config.ts'

export const migrations = new URL('../migrations/', import.meta.url)

export type World = Awaited<ReturnType<typeof createWorld>>

/** An inventory of its own on private storage, at a time that stands still until the test moves it. */
export async function createWorld(t: TestContext, settings: Record<string, string> = {}) {
  const clock = createManualClock(Date.UTC(2030, 0, 1))
  const made = new Map(
    Object.entries({ INVENTORY_DATABASE_URL: await freshDatabase(migrations), ...settings }).map(
      ([name, value]) => [name, { value, source: 'environment' as const }],
    ),
  )
  const logger = createLogger({ service: 'inventory', level: 'silent' })
  const app = await createInventoryApp(loadConfig(inventorySettings, made), {
    clock,
    logger,
    checkResponses: true,
  })
  t.after(() => app.close())

  const call = createCaller(app)

  return {
    app,
    clock,
    get: (url: string, headers = {}) => call('GET', url, undefined, headers),
    post: (body: unknown, headers = {}) => call('POST', '/api/movies', body, headers),
    put: (url: string, body: unknown, headers = {}) => call('PUT', url, body, headers),
    delete: (url: string, headers = {}) => call('DELETE', url, undefined, headers),
  }
}
