import { statSync } from 'node:fs'
import { test } from 'node:test'
import { openDatabase } from '../src/database/index.ts'
import { add, count, migrations, open } from './database-world.ts'
import type { Tables } from './database-world.ts'
import { createFileUrl, until } from './testing.ts'

/** More than the checkpointer waits for. What they write is less than what makes the writer copy it itself. */
const units = 5_000
const atOnce = 500

test('sqlite: what many units have changed is copied to the database while others are committed, and closing leaves no log', async (t) => {
  const url = createFileUrl(t)
  const path = url.slice('sqlite:'.length)
  const database = await openDatabase<Tables>(url, { migrations })
  const bytesBefore = statSync(path).size
  for (let first = 0; first < units; first += atOnce)
    await Promise.all(
      Array.from({ length: atOnce }, (_, i) => add(database.query, `id ${first + i}`).execute()),
    )
  await until(async () => statSync(path).size > bytesBefore)
  await database.close()
  t.assert.equal(statSync(`${path}-wal`, { throwIfNoEntry: false }), undefined)
  t.assert.equal(await count((await open(t, url)).query), units)
})
