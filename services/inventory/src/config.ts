import { cacheUrl, commonSettings, engineUrl, port } from '@quintet/chassis/config'
import { topology } from '@quintet/contracts/topology'
import { Type } from 'typebox'
import type { Static } from 'typebox'

export type InventoryConfig = Static<typeof inventorySettings>
export const inventorySettings = Type.Object({
  ...commonSettings,
  INVENTORY_PORT: port(8080, 'Port of the inventory service; 0 for any free one.'),
  GATEWAY_PORT: port(topology.gateway.port, 'Port of the gateway, whose documentation this one links to.'),
  INVENTORY_DATABASE_URL: engineUrl({
    default: 'sqlite:{DATA_DIR}/inventory.db',
    schemes: ['sqlite:', 'postgres:', 'postgresql:'],
    description: 'Where movies are kept: sqlite:file, or postgres://user:password@host/database.',
  }),
  CACHE_URL: cacheUrl,
})
