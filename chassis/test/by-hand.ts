import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { databaseFile, openDatabase } from '@quintet/chassis/database'
import type { App } from '@quintet/chassis/http'
import type { PromiseState } from '@quintet/chassis/promises'
import { sql } from 'kysely'

/**
 * Runs statements on the database of a service behind its back, as somebody does with the tools of the engine. The service then commits
 * something, since one that is alone on an embedded database reads a snapshot until it does.
 */
export async function openByHand(
  t: TestContext,
  { url, app }: { url: string; app: App },
): Promise<(statement: string) => Promise<void>> {
  const file = databaseFile(url)
  const run = file === undefined ? await onServer(t, url) : onFile(t, file)
  return async (statement) => {
    await run(statement)
    await app.inject('/health/ready')
  }
}

/** Not by the chassis, which would make it one more process of the database. */
function onFile(t: TestContext, file: string): (statement: string) => Promise<void> {
  const database = new DatabaseSync(file, { timeout: 5_000 })
  t.after(() => database.close())
  // Constraints hold what a test is to break.
  database.exec('pragma ignore_check_constraints = on; pragma foreign_keys = off')
  return async (statement) => database.exec(statement)
}

async function onServer(t: TestContext, url: string): Promise<(statement: string) => Promise<void>> {
  const database = await openDatabase<unknown>(url, { migrations: new URL('.', import.meta.url) })
  t.after(() => database.close())
  return async (statement) => void (await sql.raw(statement).execute(database.query))
}

/** Waits until the service uses its cache, which one on a server takes some seconds for. */
export async function untilCacheIsUsed(app: App, url: string): Promise<void> {
  if (!url.startsWith('redis')) return
  const isOn = async () => {
    const { body } = await app.inject('/metrics')
    return body.includes('quintet_cache_mode{mode="on"} 1')
  }
  for (let tries = 0; !(await isOn()); tries++) {
    if (tries > 1_000) throw new Error('The cache is not used.')
    await pause(20)
  }
}

/** Has a resource cached, by reads until one is a hit: on a busy machine what one of them has loaded may be too late to be cached. */
export async function cacheByReading(app: App, path: string): Promise<void> {
  const hits = async () => {
    const { body } = await app.inject('/metrics')
    return Number(/^quintet_cache_reads_total\{result="hit"\} (\d+)$/m.exec(body)?.[1] ?? 0)
  }
  const before = await hits()
  for (let reads = 0; (await hits()) === before; reads++) {
    if (reads > 1_000) throw new Error(`${path} is not cached.`)
    await app.inject(path)
  }
}

/**
 * What a check of a promise finds now, in a sample of at least this size: on a busy machine the time of a check may end before it has
 * seen so many.
 */
export async function checked(
  { app, clock }: { app: App; clock?: { advance(byMs: number): void } },
  id: string,
  sampleMin = 0,
): Promise<Pick<PromiseState, 'verdict' | 'found' | 'sample'>> {
  for (let tries = 0; ; tries++) {
    // What was found within 5 s would be shared.
    clock?.advance(5_000)
    const state = await app.observed.promises.check(id)
    if (state === undefined) throw new Error(`There is no check ${id}.`)
    const { verdict, found, sample } = state
    if (sample >= sampleMin || tries >= 20) return { verdict, found, sample }
  }
}
