import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import type { TestContext } from 'node:test'
import { loadConfig } from '@quintet/chassis/config'
import type { App } from '@quintet/chassis/http'
import { createLogger } from '@quintet/chassis/telemetry'
import type { Telemetry } from '@quintet/chassis/telemetry'
import { freshDatabase } from '@quintet/chassis/testing'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { createCaller } from '@quintet/chassis/testing/requests'
import { createCertificatesApp } from '../src/app.ts'
import { certificatesSettings } from '../src/config.ts'
import { migrations } from '../src/database.ts'
import { createPasswords } from '../src/password.ts'
import type { Passwords } from '../src/password.ts'

export const startMs = Date.UTC(2030, 0, 1)

export type World = Awaited<ReturnType<typeof createWorld>>

export const ada = { name: 'Ada', email: 'ada@example.com', password: 'correct horse' }
export const opaque = { private_key: 'YSBwcml2YXRlIGtleQ==', active: true, body: 'test body' }

export function configOf(settings: Record<string, string>) {
  const values = { CERTIFICATES_KEY: randomBytes(32).toString('hex'), ...settings }
  return loadConfig(
    certificatesSettings,
    new Map(Object.entries(values).map(([name, value]) => [name, { value, source: 'environment' as const }])),
  )
}

/** A temporary folder for data, removed after the test. */
export function dataFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-certificates-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The recommended costs would be most of the time of a test, and have tests of their own. */
const leastCosts = { memory: 8, passes: 1, parallelism: 1 }

/** A certificates service on private storage, whose clock only the test advances. */
export async function createWorld(
  t: TestContext,
  settings: Record<string, string> = {},
  {
    passwords = createPasswords({ costs: leastCosts }),
    telemetry,
  }: { passwords?: Passwords; telemetry?: Telemetry | undefined } = {},
) {
  const clock = createManualClock(startMs)
  const lines: string[] = []
  const destination = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk))
      done()
    },
  })
  const logger = createLogger({ service: 'certificates', level: 'trace', destination, keep: telemetry?.line })
  const config = configOf({
    CERTIFICATES_DATABASE_URL: await freshDatabase(migrations),
    CERTIFICATES_QUEUE_URL: 'sqlite::memory:',
    ...settings,
  })
  const app: App = await createCertificatesApp(config, {
    ...{ clock, logger, telemetry, passwords },
    checkResponses: true,
  })
  t.after(() => app.close())

  const call = createCaller(app)
  const post = (url: string, body: unknown, headers = {}) => call('POST', url, body, headers)

  return {
    app,
    clock,
    logged: () => {
      logger.flush()
      return lines.join('')
    },
    get: (url: string, headers = {}) => call('GET', url, undefined, headers),
    post,
    patch: (url: string, body: unknown, headers = {}) => call('PATCH', url, body, headers),
    delete: (url: string, headers = {}) => call('DELETE', url, undefined, headers),
    /** Adds a user and resolves to its path. */
    async addUser(user: Record<string, unknown> = ada): Promise<string> {
      return String((await post('/users', user)).headers.location)
    },
    /** Adds a certificate to the user, or to a new one, and resolves to its path. */
    async addCertificate(certificate: Record<string, unknown> = opaque, user?: string): Promise<string> {
      const owner = user ?? String((await post('/users', ada)).headers.location)
      return String((await post(`${owner}/certificates`, certificate)).headers.location)
    },
  }
}
