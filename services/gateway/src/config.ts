import {
  apiVersions,
  commonSettings,
  count,
  engineUrl,
  equalPorts,
  host,
  listenerFaults,
  milliseconds,
  networkList,
  port,
  tlsFaults,
  tlsFilesOf,
  trustedProxies,
  withRule,
} from '@quintet/chassis/config'
import { eventsHeartbeatMs, orderIdKey } from '@quintet/contracts'
import { portSetting, topology, upstreamNames, urlSetting } from '@quintet/contracts/topology'
import type { UpstreamName } from '@quintet/contracts/topology'
import { Type } from 'typebox'
import { Format } from 'typebox/format'
import type { Static, TInteger, TString } from 'typebox'
import { faultsOfList, urlsOf } from './address-list.ts'
import { tlsGatewaySettings, upstreamFiles } from './tls-settings.ts'

type UpstreamPorts = { [Name in UpstreamName as `${Uppercase<Name>}_PORT`]: TInteger }
type UpstreamUrls = { [Name in UpstreamName as `${Uppercase<Name>}_URL`]: TString }

// The default addresses refer to them.
const upstreamPorts = Object.fromEntries(
  upstreamNames.map((name) => [
    portSetting(name),
    port(topology[name].port, `The port of the ${name} service.`),
  ]),
) as UpstreamPorts

const upstreamUrls = Object.fromEntries(
  upstreamNames.map((name) => [urlSetting(name), serviceUrl(name)]),
) as UpstreamUrls

const settings = Type.Object({
  ...commonSettings,
  // There is no proxy in front of the gateway unless a setting says so.
  TRUSTED_PROXIES: trustedProxies('none'),
  GATEWAY_HOST: host(
    '{HOST}',
    'The address that the gateway listens on, where the other services have another.',
  ),
  API_VERSIONS: apiVersions,
  GATEWAY_ALLOW: networkList('The only addresses whose requests are admitted; all if it is empty.'),
  GATEWAY_DENY: networkList('The addresses whose requests are refused, also where they are allowed.'),
  GATEWAY_DENY_ACTION: Type.Union([Type.Literal('answer'), Type.Literal('close')], {
    default: 'answer',
    description: 'What such a request gets: the answer 403, or the end of its connection without a word.',
  }),
  GATEWAY_PORT: port(topology.gateway.port, 'The port of the gateway.'),
  ...tlsGatewaySettings,
  ...upstreamPorts,
  ...upstreamUrls,
  QUEUE_URL: engineUrl({
    default: 'sqlite:{DATA_DIR}/queue.db',
    schemes: ['sqlite:', 'amqp:', 'amqps:'],
    description:
      'The queue of the orders for billing: sqlite:file, or amqp://user:password@host for RabbitMQ.',
  }),
  ORDER_ID_KEY: orderIdKey,
  GATEWAY_ORDERS_WAITING_MAX: count(1_000_000, {
    minimum: 1,
    maximum: 100_000_000,
    description: 'Posted orders that may wait for billing; further ones get 503.',
  }),
  GATEWAY_TIMEOUT_MS: milliseconds(8_000, {
    minimum: 10,
    maximum: 60_000,
    description: 'The longest wait for a response to begin, and then between two parts of it.',
  }),
  GATEWAY_IN_FLIGHT_MAX: count(512, {
    minimum: 1,
    maximum: 10_000,
    isDivided: true,
    description: 'Requests that may be in flight to each service; further ones get 503.',
  }),
  GATEWAY_CLIENT_SHARE_PERCENT: count(50, {
    minimum: 1,
    maximum: 100,
    description: 'The share of them that one client may have; its further requests get 429.',
  }),
  GATEWAY_SMALL_BODY_BYTES_MAX: count(65_536, {
    minimum: 0,
    maximum: 1_048_576,
    description: 'Bodies up to this size are read before the service gets the request.',
  }),
  GATEWAY_BODIES_READ_MAX: count(1_024, {
    minimum: 1,
    maximum: 100_000,
    isDivided: true,
    description: 'Such bodies that are read at a time; beyond it, the oldest gets 408.',
  }),
  GATEWAY_SLOW_MAX: count(128, {
    minimum: 1,
    maximum: 10_000,
    isDivided: true,
    description:
      'Larger bodies and slowly read responses in flight to each service; beyond it, the oldest is ended.',
  }),
  GATEWAY_STREAMS_MAX: count(512, {
    minimum: 1,
    maximum: 100_000,
    isDivided: true,
    description: 'Streams of server-sent events from each service; further ones get 503.',
  }),
  GATEWAY_STREAM_IDLE_MS: milliseconds(60_000, {
    minimum: 10,
    maximum: 3_600_000,
    description:
      'The longest silence of such a stream, which is longer than the time between its heartbeats.',
  }),
  GATEWAY_EXCHANGE_TIMEOUT_MS: milliseconds(60_000, {
    minimum: 10,
    maximum: 3_600_000,
    description: 'The longest time for a request and its whole response, other than server-sent events.',
  }),
  GATEWAY_RETRY_PERCENT: count(20, {
    minimum: 0,
    maximum: 100,
    description:
      'Of the requests to a service within ten seconds, the share that may be retried; 0 for none.',
  }),
  GATEWAY_CIRCUIT_FAULTS_MAX: count(5, {
    minimum: 1,
    maximum: 1_000,
    description: 'Consecutive faults of an address of a service that open its circuit.',
  }),
  GATEWAY_CIRCUIT_FAULT_PERCENT: count(50, {
    minimum: 1,
    maximum: 100,
    description: 'The share of faults among the last requests to an address that opens its circuit.',
  }),
  GATEWAY_CIRCUIT_OPEN_MS: milliseconds(500, {
    minimum: 100,
    maximum: 600_000,
    description: 'How long after its circuit has opened, and after each probe, the gateway probes a service.',
  }),
})

export type GatewayConfig = Static<typeof gatewaySettings>
export const gatewaySettings = withRule(settings, (values) => [
  ...portFaults(values),
  ...addressFaults(values),
  ...timeoutFaults(values),
  ...allTlsFaults(values),
])

/** Files that are those of the other services as well have their faults there. */
function allTlsFaults(values: Partial<Static<typeof settings>>): string[] {
  const { TLS_CERT_FILE, TLS_KEY_FILE, GATEWAY_TLS_CERT_FILE: certificate = '', GATEWAY_HTTP_PORT } = values
  const isShared = certificate === TLS_CERT_FILE && values.GATEWAY_TLS_KEY_FILE === TLS_KEY_FILE
  return [
    ...listenerFaults(
      isShared ? { ...values, ...withoutPair } : values,
      'GATEWAY_',
      isShared && certificate !== '',
    ),
    ...tlsFaults(tlsFilesOf(values, upstreamFiles), upstreamFiles),
    ...(certificate === '' && typeof GATEWAY_HTTP_PORT === 'number'
      ? [
          'GATEWAY_HTTP_PORT is set, but GATEWAY_TLS_CERT_FILE is empty, so there is no TLS to lead to: set both.',
        ]
      : []),
  ]
}

const withoutPair = { GATEWAY_TLS_CERT_FILE: '', GATEWAY_TLS_KEY_FILE: '' }

/** Services that are located by their ports, and the gateway, need different ports. */
function portFaults(values: Partial<Static<typeof settings>>): string[] {
  const found = upstreamNames.filter(
    (name) => values[urlSetting(name)] === `http://127.0.0.1:${values[portSetting(name)]}`,
  )
  const ports = [...found, 'gateway' as const].map((name) => [
    portSetting(name),
    values[portSetting(name)] ?? 0,
  ])
  return equalPorts({
    ...Object.fromEntries(ports),
    GATEWAY_HTTP_PORT: Number(values.GATEWAY_HTTP_PORT ?? 0),
    OPERATIONS_PORT: Number(values.OPERATIONS_PORT ?? 0),
  })
}

/** What leads to the gateway itself, with TLS or without; nothing while its port is not known. */
function ownOrigins({ GATEWAY_HOST: host = '', GATEWAY_PORT: port }: Partial<Static<typeof settings>>) {
  if (port === undefined) return new Set<string>()
  const names = ['127.0.0.1', 'localhost', '[::1]', ...(host === '' ? [] : [host])]
  return new Set(
    names
      .map((name) => (name.includes(':') && !name.startsWith('[') ? `[${name}]` : name))
      .flatMap((name) => [`http://${name}:${port}`, `https://${name}:${port}`])
      // The addresses of services are compared as origins. What is none, as 999.1.1.1, is no host to listen on either.
      .flatMap((text) => (URL.canParse(text) ? [new URL(text).origin] : [])),
  )
}

/**
 * Each service whose address is given needs its own, other than that of the gateway: the gateway would forward requests to itself
 * for ever.
 */
function addressFaults(values: Partial<Static<typeof settings>>): string[] {
  const own = ownOrigins(values)
  const all = upstreamNames.flatMap((name) => {
    const text = values[urlSetting(name)]
    const isDefault = text === `http://127.0.0.1:${values[portSetting(name)]}`
    const urls = text === undefined ? [] : urlsOf(text)
    return urls.map(({ origin }) => ({
      setting: urlSetting(name),
      origin,
      isDefault,
      isOneOfSeveral: urls.length > 1,
    }))
  })
  return [...Map.groupBy(all, ({ origin }) => origin)].flatMap(([origin, same]) => {
    if (same.every(({ isDefault }) => isDefault)) return []
    const names = new Intl.ListFormat('en-GB').format(same.map(({ setting }) => setting))
    const verb = verbOf(same)
    if (own.has(origin)) return [`${names} ${verb} ${origin}, the address of the gateway itself.`]
    if (same.length === 1) return []
    return [`${names} ${verb} ${origin}: set an address for each service that no other has.`]
  })
}

/** What the settings have to do with an address that they have in common. */
function verbOf(same: readonly { isOneOfSeveral: boolean }[]): string {
  if (same.some(({ isOneOfSeveral }) => isOneOfSeveral)) return same.length === 1 ? 'has' : 'have'
  if (same.length === 1) return 'is'
  return same.length === 2 ? 'are both' : 'are all'
}

function timeoutFaults({
  GATEWAY_TIMEOUT_MS: timeout = 0,
  GATEWAY_EXCHANGE_TIMEOUT_MS: exchange = timeout,
  GATEWAY_STREAM_IDLE_MS: idle = idleMsMin,
}: Partial<Static<typeof settings>>): string[] {
  return [
    exchange < timeout
      ? [
          `GATEWAY_EXCHANGE_TIMEOUT_MS is ${exchange}, less than GATEWAY_TIMEOUT_MS, ${timeout}: a whole exchange takes longer than the wait for its response.`,
        ]
      : [],
    idle < idleMsMin
      ? [
          `GATEWAY_STREAM_IDLE_MS is ${idle}, but a stream without events is silent for up to ${idleMsMin} ms between two heartbeats: set it to ${idleMsMin} or more.`,
        ]
      : [],
  ].flat()
}

/** The pauses between two reads of events are added to those between heartbeats. */
const idleMsMin = eventsHeartbeatMs + 1_000

/** The addresses of a service, without a path: the paths are fixed by the topology. */
function serviceUrl(name: UpstreamName): TString {
  return Type.String({
    default: `http://127.0.0.1:{${portSetting(name)}}`,
    format: 'service-addresses',
    description: `Where the ${name} service is; several addresses with commas between them share the requests.`,
    expectedForm(text: string) {
      const expected =
        'an address like http://127.0.0.1:8888, without a path, or several with commas between them'
      const faults = text.includes(',') ? faultsOfList(text) : []
      return faults.length === 0 ? expected : `${expected} (${faults.join(', ')})`
    },
  })
}

Format.Set('service-addresses', (text) => faultsOfList(text).length === 0)
