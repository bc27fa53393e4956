import type { Settings } from '@quintet/chassis/config'
import { listen } from '@quintet/chassis/http'
import { settingsOf } from '@quintet/chassis/testing/settings'
import { createLogger } from '@quintet/chassis/telemetry'
import { topology, upstreamNames, urlSetting } from '@quintet/contracts/topology'
import { services } from '../topology.ts'
import { openOperations } from './operations.ts'
import type { Operation, Scope } from './operations.ts'

/** An operation where it can be requested: at its service, or at the gateway under the path that is forwarded. */
export type Target = Operation & {
  readonly port: number
  readonly target: string
  readonly isForwarded: boolean
}

/** Every operation at its service, and at a gateway if it forwards the path. `more` are settings of all of them. */
export async function openTargets(t: Scope, more: Settings = new Map()): Promise<Target[]> {
  const operations = await openOperations(t, more)
  const ports = new Map<string, number>()
  for (const { service, app } of operations)
    if (!ports.has(service)) ports.set(service, portOf(await listen(app, { host: '127.0.0.1', port: 0 })))
  const settings = settingsOf({
    QUEUE_URL: 'sqlite::memory:',
    ...Object.fromEntries(
      upstreamNames.map((name) => [urlSetting(name), `http://127.0.0.1:${ports.get(name)}`]),
    ),
  })
  const gateway = await services.gateway.createApp(new Map([...settings, ...more]), {
    logger: createLogger({ service: 'gateway', level: 'silent' }),
  })
  t.after(() => gateway.close())
  const gatewayPort = portOf(await listen(gateway, { host: '127.0.0.1', port: 0 }))
  return operations.flatMap((operation) => [
    { ...operation, port: ports.get(operation.service) ?? 0, target: operation.url, isForwarded: false },
    ...forwardedTargets(operation).map((target) => ({
      ...operation,
      port: gatewayPort,
      target,
      isForwarded: true,
    })),
  ])
}

/** The path of an operation at the gateway; none if it is not forwarded. */
function forwardedTargets({ service, url }: Operation): string[] {
  const name = upstreamNames.find((one) => one === service)
  const paths: Record<string, string> = name === undefined ? {} : topology[name].paths
  return Object.entries(paths)
    .filter(([, there]) => url === there || url.startsWith(`${there}/`))
    .map(([path, there]) => path + url.slice(there.length))
}

function portOf(address: string): number {
  return Number(new URL(address).port)
}
