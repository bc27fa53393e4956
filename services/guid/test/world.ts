import type { TestContext } from 'node:test'
import type { Clock } from '@quintet/chassis/clock'
import { loadConfig } from '@quintet/chassis/config'
import type { App } from '@quintet/chassis/http'
import { createLogger } from '@quintet/chassis/telemetry'
import { createFileUrl, freshDatabase } from '@quintet/chassis/testing'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { createCaller } from '@quintet/chassis/testing/requests'
import { createGuidApp } from '../src/app.ts'
import { guidSettings } from '../src/config.ts'
import { migrateStorage } from '../src/storage.ts'

export const startMs = Date.UTC(2030, 0, 1)
export const startSeconds = startMs / 1000

export type World = Awaited<ReturnType<typeof createWorld>>

/** A database that several worlds can share, as processes do: `createWorld(t, { GUID_DATABASE_URL })`. */
export async function createSharedDatabase(t: TestContext): Promise<string> {
  if (process.env.TEST_DATABASE === undefined) return createFileUrl(t)
  return freshDatabase((url) => migrateStorage(url, 'up'))
}

/** A guid service on its own storage, with a clock that stands still until the test advances it, or with one that is given. */
export async function createWorld(
  t: TestContext,
  settings: Record<string, string> = {},
  given: { clock?: Clock } = {},
) {
  const clock = createManualClock(startMs)
  const made = new Map(
    Object.entries({
      GUID_DATABASE_URL:
        settings.GUID_DATABASE_URL ?? (await freshDatabase((url) => migrateStorage(url, 'up'))),
      EVENTS_URL: 'sqlite::memory:',
      ...settings,
    }).map(([name, value]) => [name, { value, source: 'environment' as const }]),
  )
  const logger = createLogger({ service: 'guid', level: 'silent' })
  const app: App = await createGuidApp(loadConfig(guidSettings, made), {
    clock,
    logger,
    checkResponses: true,
    ...given,
  })
  t.after(() => app.close())

  const call = createCaller(app)

  return {
    app,
    clock,
    get: (url: string, headers = {}) => call('GET', url, undefined, headers),
    post: (url: string, body: unknown, headers = {}) => call('POST', url, body, headers),
    patch: (url: string, body: unknown, headers = {}) => call('PATCH', url, body, headers),
    delete: (url: string, headers = {}) => call('DELETE', url, undefined, headers),
  }
}
