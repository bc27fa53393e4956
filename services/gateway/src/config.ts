import { commonSettings, count, embeddableUrl, milliseconds, port } from '@quintet/chassis/config'
import { Type } from 'typebox'
import type { Static } from 'typebox'

/** A service's address on its own, since the gateway alone decides on the paths. */
function serviceUrl(service: string, port: string) {
  return Type.String({
    default: `http://127.0.0.1:{${port}}`,
    pattern: '^http://(?:[A-Za-z0-9.-]+|\\[[0-9A-Fa-f:.]+\\])(?::[0-9]{1,5})?/?$',
    description: `Where the ${service} service is.`,
    expected: 'an address like http://127.0.0.1:8888, without a path',
  })
}

export const gatewaySettings = Type.Object({
  ...commonSettings,
  GATEWAY_PORT: port(3000, 'The port of the gateway.'),
  GUID_PORT: port(8888, 'The port of the guid service.'),
  BROKERAGE_PORT: port(8000, 'The port of the brokerage service.'),
  CERTIFICATES_PORT: port(9000, 'The port of the certificates service.'),
  INVENTORY_PORT: port(8080, 'The port of the inventory service.'),
  BILLING_PORT: port(8081, 'The port of the billing service.'),
  GUID_URL: serviceUrl('guid', 'GUID_PORT'),
  BROKERAGE_URL: serviceUrl('brokerage', 'BROKERAGE_PORT'),
  CERTIFICATES_URL: serviceUrl('certificates', 'CERTIFICATES_PORT'),
  INVENTORY_URL: serviceUrl('inventory', 'INVENTORY_PORT'),
  BILLING_URL: serviceUrl('billing', 'BILLING_PORT'),
  QUEUE_URL: embeddableUrl({
    default: 'sqlite:{DATA_DIR}/queue.db',
    schemes: ['sqlite:', 'amqp:', 'amqps:'],
    description:
      'The queue of the orders for billing: sqlite:file, or amqp://user:password@host for RabbitMQ.',
  }),
  GATEWAY_ORDERS_WAITING_MAX: count(1_000_000, {
    minimum: 1,
    maximum: 100_000_000,
    description: 'How many posted orders may wait for billing before further ones are answered 503.',
  }),
  GATEWAY_TIMEOUT_MS: milliseconds(8_000, {
    minimum: 10,
    maximum: 60_000,
    description: 'How long a service may take to begin its answer, and then between two pieces of it.',
  }),
  GATEWAY_IN_FLIGHT_MAX: count(512, {
    minimum: 1,
    maximum: 10_000,
    description: 'How many requests each service may have in flight; those beyond are answered 503.',
  }),
  GATEWAY_RETRY_PERCENT: count(20, {
    minimum: 0,
    maximum: 100,
    description: 'Of the requests to a service within ten seconds, how many may be tried twice; 0 for none.',
  }),
  GATEWAY_CIRCUIT_FAULTS_MAX: count(5, {
    minimum: 1,
    maximum: 1_000,
    description: 'After so many faults in a row a service is not asked for a while.',
  }),
  GATEWAY_CIRCUIT_OPEN_MS: milliseconds(5_000, {
    minimum: 100,
    maximum: 600_000,
    description: 'How long it is not asked then, before one request tries whether it is back.',
  }),
})

export type GatewayConfig = Static<typeof gatewaySettings>
