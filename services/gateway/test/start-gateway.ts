import type { TestContext } from 'node:test'
import { loadConfig } from '@quintet/chassis/config'
import { listen } from '@quintet/chassis/http'
import { createLogger } from '@quintet/chassis/telemetry'
import { urlSetting } from '@quintet/contracts/topology'
import type { GatewayDependencies } from '../src/app.ts'
import { createGatewayApp } from '../src/app.ts'
import type { GatewayConfig } from '../src/config.ts'
import { gatewaySettings } from '../src/config.ts'
import { topology } from '../src/topology.ts'

/** How bodies are forwarded is tested with large ones, which no service accepts. */
const withoutBodyLimits = topology.map((service) => ({ ...service, bodyBytesMax: Number.POSITIVE_INFINITY }))

/** Services that nobody runs, since those at the default addresses may be of another Quintet on this machine. */
const absentServices = Object.fromEntries(
  topology.map(({ name }) => [urlSetting(name), 'http://127.0.0.1:1']),
)

/**
 * A gateway on a free port with a queue of its own; unless it is given a topology, it forwards bodies of any size. `begun` is the number
 * of requests whose heads it has received.
 */
export async function startGateway(
  t: TestContext,
  settings: Partial<GatewayConfig>,
  dependencies: GatewayDependencies = {},
) {
  const config = {
    ...loadConfig(gatewaySettings, new Map()),
    ...absentServices,
    QUEUE_URL: 'sqlite::memory:',
    ...settings,
  }
  const app = await createGatewayApp(config, {
    logger: createLogger({ service: 'gateway', level: 'silent' }),
    topology: withoutBodyLimits,
    checkResponses: true,
    ...dependencies,
  })
  t.after(() => app.close())
  const url = await listen(app, { host: '127.0.0.1', port: 0 })
  let begun = 0
  app.server.on('request', () => (begun += 1))
  return { app, url, port: Number(new URL(url).port), begun: () => begun }
}
