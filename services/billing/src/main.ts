import { storeCompiledModules } from '@quintet/chassis/compile-cache'

storeCompiledModules(process.env)
const { runService } = await import('@quintet/chassis/http')
const { createBillingApp } = await import('./app.ts')
const { billingSettings } = await import('./config.ts')
const { billingQueue } = await import('@quintet/contracts')

await runService(
  {
    name: 'billing',
    settings: billingSettings,
    create: createBillingApp,
    queue: billingQueue,
  },
  process,
)
