import { enableCompileCache } from 'node:module'

// Stripping types and compiling is half of a start; what was done once is kept, for this thread and for those to come.
process.env.NODE_COMPILE_CACHE ??= enableCompileCache().directory ?? ''
const { runService } = await import('@quintet/chassis/http')
const { createGuidApp } = await import('./app.ts')
const { guidSettings } = await import('./config.ts')

await runService(
  {
    name: 'guid',
    settings: guidSettings,
    create: createGuidApp,
    address: (config) => ({ host: config.HOST, port: config.GUID_PORT }),
  },
  process.env,
)
