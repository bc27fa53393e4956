import { storeCompiledModules } from '@quintet/chassis/compile-cache'

storeCompiledModules(process.env)
const { runService } = await import('@quintet/chassis/http')
const { guidEventsStream } = await import('@quintet/contracts')
const { createGuidApp } = await import('./app.ts')
const { guidSettings } = await import('./config.ts')
const { commandsQueue } = await import('./port.ts')

await runService(
  {
    name: 'guid',
    settings: guidSettings,
    create: createGuidApp,
    queue: commandsQueue,
    stream: guidEventsStream,
  },
  process,
)
