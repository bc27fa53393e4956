import { enableCompileCache } from 'node:module'

// Stripping types and compiling is half of a start; what was done once is kept, for this thread and for those to come.
process.env.NODE_COMPILE_CACHE ??= enableCompileCache().directory ?? ''
const { runService } = await import('@quintet/chassis/http')
const { createGatewayApp } = await import('./app.ts')
const { gatewaySettings } = await import('./config.ts')

await runService(
  {
    name: 'gateway',
    settings: gatewaySettings,
    create: createGatewayApp,
    address: (config) => ({ host: config.HOST, port: config.GATEWAY_PORT }),
  },
  process.env,
)
