import type { ServiceName } from '@quintet/contracts/topology'
import { urlSetting } from '@quintet/contracts/topology'
import { attacks, beginAttack, fill } from '../../test/guarantees/attacks.ts'
import { fault } from '../faults/fault.ts'
import type { Fault } from '../faults/fault.ts'
import { startService } from '../faults/service-process.ts'
import { createBillingLoad } from '../load/billing-load.ts'
import { alwaysOpen, createBrokerageLoad } from '../load/brokerage-load.ts'
import { createGuidLoad } from '../load/guid-load.ts'
import { assemble } from './assemble.ts'
import type { Scenario } from './scenario.ts'

const guidClients = 6
const services: readonly ServiceName[] = ['guid', 'brokerage', 'billing', 'inventory']

export const hostileClients: Scenario = {
  name: 'hostile-clients',
  summary:
    'a gateway with embedded storage behind it, which hostile clients attack from the address of the others',
  engines: [],
  isAvailable: true,
  start: (folder) =>
    assemble(async (closeLater) => {
      const settings: Record<string, string> = { ...alwaysOpen, DATA_DIR: folder }
      const processes = []
      for (const name of services) {
        const process = await startService(name, settings)
        closeLater({ close: process.kill })
        settings[urlSetting(name)] = process.url
        processes.push(process)
      }
      const gateway = await startService('gateway', settings)
      closeLater({ close: gateway.kill })
      await fill(gateway.url)
      return {
        targets: [attacks.slice(1).map((attack) => asFault(gateway.url, attack))],
        loads: {
          guid: (parts) => createGuidLoad(parts, guidClients),
          brokerage: createBrokerageLoad,
          billing: createBillingLoad,
        },
        addresses: [{ name: 'gateway', url: gateway.url }],
        processes: [...processes, gateway],
      }
    }),
}

function asFault(url: string, attack: (typeof attacks)[number]): Fault {
  let begun: ReturnType<typeof beginAttack> | undefined
  return fault(
    attack.name,
    () => {
      begun = beginAttack(url, attack)
    },
    () => begun?.stop(),
  )
}
