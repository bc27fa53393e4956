import { sql } from 'kysely'
import { readDatabase } from '../database/index.ts'
import { operatorMessage } from '../errors/index.ts'
import { broken, good } from './port.ts'
import type { Finding } from './port.ts'

/** Examines an embedded database, if its file exists: whether it can be read and is whole. */
export async function diagnoseSqlite(url: string): Promise<Finding[]> {
  try {
    const rows = await readDatabase(url, async (query) => {
      const check = sql<{ quick_check: string }>`pragma quick_check(1)`
      return (await check.execute(query)).rows
    })
    const [fault] = (rows ?? []).filter(({ quick_check }) => quick_check !== 'ok')
    return fault === undefined
      ? [good('Embedded: in this process and its files, configured as the guarantees require.')]
      : [broken(`The file is damaged: ${fault.quick_check}`)]
  } catch (error) {
    return [broken(operatorMessage(error) ?? String(error))]
  }
}
