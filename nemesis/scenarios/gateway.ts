import { openTcpProxy } from '@quintet/chassis/testing/proxy'
import { networkFaults } from '../faults/network-faults.ts'
import { createBillingLoad } from '../load/billing-load.ts'
import { alwaysOpen, createBrokerageLoad } from '../load/brokerage-load.ts'
import { createGuidLoad } from '../load/guid-load.ts'
import { assemble } from './assemble.ts'
import { named } from './named.ts'
import { startReplicas, systemOf } from './replicas.ts'
import type { Scenario } from './scenario.ts'

const guidClients = 6
const lists = { guid: '/guids', brokerage: '/accounts/1/ledger', billing: '/orders' } as const

/**
 * The gateways do not retry: a DELETE that is sent again because its connection broke is 404 although it took effect, as RFC 9110
 * allows (9.2.2), which no register explains.
 */
const withoutRetries = { GATEWAY_RETRY_PERCENT: '0' }

export const gateway: Scenario = {
  name: 'gateway',
  summary:
    'guid, brokerage and billing on embedded storage behind two gateways, with faults of the network between',
  engines: [],
  start: (folder) =>
    assemble(async (closeLater) => {
      const settings = { ...alwaysOpen, ...withoutRetries, DATA_DIR: folder }
      const urls: Record<string, string> = {}
      const services = []
      const networks = []
      for (const name of ['guid', 'brokerage', 'billing'] as const) {
        const [service] = await startReplicas(name, settings, {
          closeLater,
          folder,
          list: lists[name],
        })
        if (service === undefined) continue
        services.push(service)
        const proxy = closeLater(await openTcpProxy())
        proxy.forwardTo(service.address.url)
        urls[`${name.toUpperCase()}_URL`] = proxy.through(service.address.url)
        networks.push(networkFaults(proxy).map((one) => named(`network of ${name}`, one)))
      }
      const gateways = await startReplicas(
        'gateway',
        { ...settings, ...urls },
        { closeLater, folder, list: '/guids', count: 2 },
      )
      return {
        ...systemOf([...services, ...gateways], networks),
        loads: {
          guid: (parts) => createGuidLoad(parts, guidClients),
          brokerage: createBrokerageLoad,
          billing: createBillingLoad,
        },
        addresses: gateways.map(({ address }) => address),
      }
    }),
}
