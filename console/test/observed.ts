import type { ServiceName } from '@quintet/contracts/topology'
import type { ConsoleParts } from '../src/parts.ts'
import { send } from '../src/send.ts'

/** A service at this address, of which nothing else is known. */
export function observed(name: ServiceName, url: string): ConsoleParts['services'][number] {
  return {
    ...{ name, title: name, control: undefined },
    send,
    url: () => url,
    metricsUrl: () => `${url}/metrics`,
    readinessUrl: () => `${url}/health/ready`,
    settings: () => [],
    storage: () => [],
    migrationsPending: async () => [],
    examine: async () => [],
  }
}
