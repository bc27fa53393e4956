import { enableCompileCache } from 'node:module'

// Stripping types and compiling is half of a start; what was done once is kept, for this thread and for those to come.
process.env.NODE_COMPILE_CACHE ??= enableCompileCache().directory ?? ''
const { runService } = await import('@quintet/chassis/http')
const { createBillingApp } = await import('./app.ts')
const { billingSettings } = await import('./config.ts')

await runService(
  {
    name: 'billing',
    settings: billingSettings,
    create: createBillingApp,
    address: (config) => ({ host: config.HOST, port: config.BILLING_PORT }),
  },
  process.env,
)
