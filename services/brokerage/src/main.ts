import { storeCompiledModules } from '@quintet/chassis/compile-cache'

storeCompiledModules(process.env)
const { runService } = await import('@quintet/chassis/http')
const { createBrokerageApp } = await import('./app.ts')
const { brokerageSettings } = await import('./config.ts')

await runService(
  {
    name: 'brokerage',
    settings: brokerageSettings,
    create: createBrokerageApp,
  },
  process,
)
