import assert from 'node:assert/strict'
import { test } from 'node:test'
import { migrateStorage } from '../src/storage.ts'
import { createSharedDatabase } from './world.ts'

test('Every migration can be reverted, the newest first, and applied again', async (t) => {
  const url = await createSharedDatabase(t)
  await migrateStorage(url, 'up')
  const applied = await migrateStorage(url, 'status')
  assert.ok(applied.length > 0 && applied.every((line) => line.endsWith(' applied')))
  const names = applied.map((line) => line.replace(' applied', ''))
  const reverted: string[] = []
  for (const _ of names) reverted.push(...(await migrateStorage(url, 'down')))
  assert.deepEqual(reverted, names.toReversed())
  assert.deepEqual(await migrateStorage(url, 'up'), names)
  assert.deepEqual(await migrateStorage(url, 'status'), applied)
})
