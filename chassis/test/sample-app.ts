import type { TestContext } from 'node:test'
import { createApp } from '@quintet/chassis/http'
import type { App, AppOptions } from '@quintet/chassis/http'
import { createLogger } from '@quintet/chassis/telemetry'

/** An app without routes or log lines, which is closed when the test is over. */
export async function createSampleApp(t: TestContext, options: Partial<AppOptions> = {}): Promise<App> {
  const app = await createApp({
    name: 'sample',
    title: 'Sample',
    description: 'For tests.',
    logger: createLogger({ service: 'sample', level: 'silent' }),
    ...options,
  })
  t.after(() => app.close())
  return app
}
