import { enableCompileCache } from 'node:module'

// Stripping types and compiling is half of a start; what was done once is kept, for this thread and for those to come.
process.env.NODE_COMPILE_CACHE ??= enableCompileCache().directory ?? ''
const { runService } = await import('@quintet/chassis/http')
const { createCertificatesApp } = await import('./app.ts')
const { certificatesSettings } = await import('./config.ts')

await runService(
  {
    name: 'certificates',
    settings: certificatesSettings,
    create: createCertificatesApp,
    address: (config) => ({ host: config.HOST, port: config.CERTIFICATES_PORT }),
  },
  process.env,
)
