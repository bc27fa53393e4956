import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError, loadConfig } from '@quintet/chassis/config'
import { inventorySettings } from '../src/config.ts'

const settingsOf = (values: Record<string, string>) =>
  new Map(Object.entries(values).map(([name, value]) => [name, { value, source: 'environment' as const }]))

test('Without any setting everything has its default', () => {
  const config = loadConfig(inventorySettings, new Map())
  assert.equal(config.INVENTORY_PORT, 8080)
  assert.equal(config.INVENTORY_DATABASE_URL, 'sqlite:data/inventory.db')
})

test('Every setting with a fault is named, all of them at once', () => {
  const faulty = { INVENTORY_PORT: '-1', INVENTORY_DATABASE_URL: 'oracle://db', CACHE_URL: 'disk:' }
  assert.throws(
    () => loadConfig(inventorySettings, settingsOf(faulty)),
    (error) => {
      assert.ok(error instanceof ConfigError)
      const named = error.faults.map((fault) => fault.split(' ', 1)[0])
      assert.deepEqual(named.sort(), Object.keys(faulty).sort())
      return true
    },
  )
})
