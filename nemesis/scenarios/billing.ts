import { createBillingLoad } from '../load/billing-load.ts'
import { assemble } from './assemble.ts'
import { startEngine } from './engines.ts'
import { startReplicas, systemOf } from './replicas.ts'
import type { Scenario } from './scenario.ts'

export const billingRabbitmq: Scenario = {
  name: 'billing-rabbitmq',
  summary: 'two processes of billing behind two gateways, with RabbitMQ as their queue',
  engines: ['amqp'],
  start: (folder) =>
    assemble(async (closeLater) => {
      const amqp = closeLater(await startEngine('amqp'))
      const settings = { DATA_DIR: folder, QUEUE_URL: amqp.url }
      const billing = await startReplicas('billing', settings, {
        closeLater,
        folder,
        list: '/orders',
        count: 2,
      })
      const gatewaySettings = { ...settings, BILLING_URL: billing[0]?.address.url ?? '' }
      const list = '/api/orders'
      const gateways = await startReplicas('gateway', gatewaySettings, { closeLater, folder, list, count: 2 })
      return {
        ...systemOf([...billing, ...gateways], [amqp.faults]),
        loads: { billing: createBillingLoad },
        addresses: gateways.map(({ address }) => address),
      }
    }),
}
