import { storeCompiledModules } from '@quintet/chassis/compile-cache'

storeCompiledModules(process.env)
const { runService } = await import('@quintet/chassis/http')
const { createInventoryApp } = await import('./app.ts')
const { inventorySettings } = await import('./config.ts')

await runService(
  {
    name: 'inventory',
    settings: inventorySettings,
    create: createInventoryApp,
  },
  process,
)
