import { storeCompiledModules } from '@quintet/chassis/compile-cache'

storeCompiledModules(process.env)
const { runService } = await import('@quintet/chassis/http')
const { createGatewayApp } = await import('./app.ts')
const { gatewaySettings } = await import('./config.ts')

await runService(
  {
    name: 'gateway',
    settings: gatewaySettings,
    create: createGatewayApp,
  },
  process,
)
