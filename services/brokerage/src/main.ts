import { enableCompileCache } from 'node:module'

// Stripping types and compiling is half of a start; what was done once is kept, for this thread and for those to come.
process.env.NODE_COMPILE_CACHE ??= enableCompileCache().directory ?? ''
const { runService } = await import('@quintet/chassis/http')
const { createBrokerageApp } = await import('./app.ts')
const { brokerageSettings } = await import('./config.ts')

await runService(
  {
    name: 'brokerage',
    settings: brokerageSettings,
    create: createBrokerageApp,
    address: (config) => ({ host: config.HOST, port: config.BROKERAGE_PORT }),
  },
  process.env,
)
