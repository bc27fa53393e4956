import type { TestContext } from 'node:test'
import { migrateDatabase, openDatabase } from '@quintet/chassis/database'
import type { Database } from '@quintet/chassis/database'
import type { Tables } from './database-world.ts'

/** The table `account`, and the control row of the cache. */
export const migrations = new URL('./cache-migrations/', import.meta.url)

export async function openWithControl(t: TestContext, url: string): Promise<Database<Tables>> {
  await migrateDatabase(url, { migrations }, 'up')
  const database = await openDatabase<Tables>(url, { migrations })
  t.after(() => database.close())
  return database
}
