import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { loadConfig } from '@quintet/chassis/config'
import type { App } from '@quintet/chassis/http'
import { openDatabase } from '@quintet/chassis/database'
import { freshDatabase } from '@quintet/chassis/testing'
import { openQueue } from '@quintet/chassis/queue'
import { createLogger } from '@quintet/chassis/telemetry'
import { sql } from 'kysely'
import { createBillingApp } from '../src/app.ts'
import { billingSettings } from '../src/config.ts'
import type { OrderTables } from '../src/order-store.ts'

export const order = { user_id: '3', number_of_items: '5', total_amount: '180' }
export const text = '{"user_id":"3","number_of_items":"5","total_amount":"180"}'

/** A queue and a database of their own, and billing over them, which a test may start, stop and start again. */
export async function createWorld(t: TestContext, more: Readonly<Record<string, string>> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-billing-'))
  const QUEUE_URL = `sqlite:${join(folder, 'queue.db')}`
  // Billing is stopped and started in tests, so that what is embedded must outlive it.
  const fresh = await freshDatabase(migrations)
  const BILLING_DATABASE_URL = fresh === 'sqlite::memory:' ? `sqlite:${join(folder, 'billing.db')}` : fresh
  const queue = await openQueue(QUEUE_URL)
  const settings = { QUEUE_URL, BILLING_DATABASE_URL, ...more }
  const config = loadConfig(
    billingSettings,
    new Map(Object.entries(settings).map(([name, value]) => [name, { value, source: 'environment' }])),
  )
  const running = new Set<App>()
  t.after(async () => {
    for (const app of running) await app.close()
    await queue.close()
    rmSync(folder, { recursive: true })
  })

  let published = 0
  return {
    queue,
    databaseUrl: BILLING_DATABASE_URL,
    /** Changes the file of the queue behind the back of all who use it. */
    changeQueue(statement: string): void {
      const file = new DatabaseSync(join(folder, 'queue.db'), { timeout: 5_000 })
      file.exec(statement)
      file.close()
    },
    /** The tables of billing, as somebody at the database's own tools sees them. */
    async byHand() {
      const database = await openDatabase<OrderTables>(BILLING_DATABASE_URL, { migrations })
      t.after(() => database.close())
      return (text: string) => sql<Record<string, unknown>>`${sql.raw(text)}`.execute(database.query)
    },

    async start() {
      const logger = createLogger({ service: 'billing', level: 'silent' })
      const app = await createBillingApp(config, { logger, checkResponses: true })
      running.add(app)
      return {
        app,
        get: (url: string, headers = {}) => app.inject({ method: 'GET', url, headers }),
        inject: app.inject.bind(app),
        async stop() {
          running.delete(app)
          await app.close()
        },
      }
    },

    /** Publishes these bodies as one whole, under ids that say their places. */
    async publish(...bodies: readonly string[]) {
      await queue.publishAll(
        'billing_queue',
        bodies.map((body) => ({ id: `m${++published}`, key: '', body })),
      )
    },

    /** Waits until billing has done with all that was published. */
    async drained() {
      for (let tries = 0; tries < 3_000; tries++) {
        if ((await queue.depth('billing_queue')) === 0) return
        await pause(5)
      }
      throw new Error('The queue was not drained.')
    },

    dead: () => queue.list('billing_queue.dead', { limit: 1_000 }),
  }
}

export const migrations = new URL('../migrations/', import.meta.url)
