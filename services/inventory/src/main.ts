import { enableCompileCache } from 'node:module'

// Stripping types and compiling is half of a start; what was done once is kept, for this thread and for those to come.
process.env.NODE_COMPILE_CACHE ??= enableCompileCache().directory ?? ''
const { runService } = await import('@quintet/chassis/http')
const { createInventoryApp } = await import('./app.ts')
const { inventorySettings } = await import('./config.ts')

await runService(
  {
    name: 'inventory',
    settings: inventorySettings,
    create: createInventoryApp,
    address: (config) => ({ host: config.HOST, port: config.INVENTORY_PORT }),
  },
  process.env,
)
