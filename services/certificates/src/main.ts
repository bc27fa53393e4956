import { storeCompiledModules } from '@quintet/chassis/compile-cache'

storeCompiledModules(process.env)
const { runService } = await import('@quintet/chassis/http')
const { createCertificatesApp } = await import('./app.ts')
const { certificatesSettings } = await import('./config.ts')
const { notificationsQueue } = await import('./notification-store.ts')

await runService(
  {
    name: 'certificates',
    settings: certificatesSettings,
    create: createCertificatesApp,
    queue: notificationsQueue,
  },
  process,
)
