import { orderIdKey } from '@quintet/contracts'
import { topology } from '@quintet/contracts/topology'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { commonSettings, engineUrl, port, sharedDatabases, withRule } from '@quintet/chassis/config'

const settings = Type.Object({
  ...commonSettings,
  BILLING_PORT: port(8081, 'Port of the billing service; 0 for any free one.'),
  GATEWAY_PORT: port(topology.gateway.port, 'Port of the gateway, whose documentation this one links to.'),
  BILLING_DATABASE_URL: engineUrl({
    default: 'sqlite:{DATA_DIR}/billing.db',
    schemes: ['sqlite:', 'postgres:', 'postgresql:'],
    description: 'Where orders are kept: sqlite:file, or postgres://user:password@host/database.',
  }),
  QUEUE_URL: engineUrl({
    default: 'sqlite:{DATA_DIR}/queue.db',
    schemes: ['sqlite:', 'amqp:', 'amqps:'],
    description:
      'The queue of the orders for billing: sqlite:file, or amqp://user:password@host for RabbitMQ.',
  }),
  ORDER_ID_KEY: orderIdKey,
})

export type BillingConfig = Static<typeof billingSettings>
export const billingSettings = withRule(settings, ({ BILLING_DATABASE_URL, QUEUE_URL }) =>
  sharedDatabases({ BILLING_DATABASE_URL, QUEUE_URL }, (name) => name === 'BILLING_DATABASE_URL'),
)
