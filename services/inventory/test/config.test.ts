import { invalidCommonSettings, testSettings } from '@quintet/chassis/testing/settings'
import { inventorySettings } from '../src/config.ts'

testSettings(inventorySettings, {
  defaults: {
    INVENTORY_PORT: 8080,
    INVENTORY_DATABASE_URL: 'sqlite:data/inventory.db',
    CACHE_URL: 'memory:',
  },
  invalid: {
    ...invalidCommonSettings,
    INVENTORY_PORT: '-1',
    GATEWAY_PORT: 'none',
    INVENTORY_DATABASE_URL: 'oracle://db',
    CACHE_URL: 'disk:',
  },
})
