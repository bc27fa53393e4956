import { storeCompiledModules } from '@quintet/chassis/compile-cache'

storeCompiledModules(process.env)
const { runService } = await import('@quintet/chassis/http')
const { createBillingApp } = await import('./app.ts')
const { billingSettings } = await import('./config.ts')

await runService(
  {
    name: 'billing',
    settings: billingSettings,
    create: createBillingApp,
  },
  process.env,
)
