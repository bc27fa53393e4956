import { sql } from 'kysely'
import { readDatabase } from '../database/index.ts'
import { operatorMessage } from '../errors/index.ts'
import { absent, broken, good, weak } from './port.ts'
import type { Finding } from './port.ts'

/** Examines an embedded database: whether its file exists, can be read and is whole. */
export async function diagnoseSqlite(url: string): Promise<Finding[]> {
  try {
    const rows = await readDatabase(url, async (query) => {
      const check = sql<{ quick_check: string }>`pragma quick_check(1)`
      return (await check.execute(query)).rows
    })
    if (rows === undefined && url !== 'sqlite::memory:')
      return [
        absent(
          'There is no such file yet; the first start creates it. If there should be one, check the URL.',
        ),
      ]
    if (url === 'sqlite::memory:')
      return [weak('It is in the memory of its service, so all of it is lost when that ends.')]
    const [fault] = (rows ?? []).filter(({ quick_check }) => quick_check !== 'ok')
    return fault === undefined
      ? [good('The file is whole. Its services open it as the guarantees require, without a server.')]
      : [broken(`The file is damaged: ${fault.quick_check}`)]
  } catch (error) {
    return [broken(operatorMessage(error) ?? String(error))]
  }
}
