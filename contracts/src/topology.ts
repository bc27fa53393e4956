/** The one list of services, as plain data: everything else that lists services is derived from it or held to it by a test. */

export type ServiceName = keyof typeof topology
/** A service that the gateway forwards requests to. */
export type UpstreamName = Exclude<ServiceName, 'gateway'>

export type Topology = Readonly<Record<string, ServiceEntry>>

export type ServiceEntry = {
  /** What it is, with its article, as one part of the sentence that describes the system. */
  readonly title: string
  /** What it does, for the table in the README. */
  readonly summary: string
  /** Its port unless a setting says otherwise. */
  readonly port: number
  /** The settings that say where it stores data, by kind; several services may share a queue and a cache. */
  readonly storage: { readonly database?: string; readonly queue?: string; readonly cache?: string }
  /** The engines that its database can be on: the embedded one first, then the one that deployments use. */
  readonly engines: readonly DatabaseEngine[]
  /** The name of its database on a server. */
  readonly databaseName?: string
  /** The paths that the gateway forwards, each with everything below it, and what the service calls them. */
  readonly paths: Readonly<Record<string, string>>
  /** The largest body of a request that any of its routes accepts, in bytes. */
  readonly bodyBytesMax: number
  /** What the scopes of its routes are called before `:read` and `:write`. */
  readonly scopes: string
}

type DatabaseEngine = 'sqlite' | 'postgres' | 'mysql' | 'mongodb' | 'dynamodb'

/** In the order of starting and of lists. The gateway is last, because it needs the addresses of the others. */
export const topology = {
  guid: {
    title: 'a GUID registry',
    summary: 'GUIDs that expire to the second, with changes made at once or through a queue',
    port: 8888,
    storage: { database: 'GUID_DATABASE_URL', queue: 'EVENTS_URL', cache: 'CACHE_URL' },
    engines: ['sqlite', 'postgres', 'mysql', 'mongodb'],
    databaseName: 'guid_db',
    paths: {
      '/guid': '/guid',
      '/guids': '/guids',
      '/guid-events': '/guid-events',
      '/operations': '/operations',
    },
    bodyBytesMax: 16 * 1024,
    scopes: 'guid',
  },
  brokerage: {
    title: 'a brokerage',
    summary: 'accounts that buy and sell shares, in exact decimals and strict order',
    port: 8000,
    storage: { database: 'BROKERAGE_DATABASE_URL', cache: 'CACHE_URL' },
    engines: ['sqlite', 'dynamodb'],
    databaseName: 'brokerage',
    paths: { '/accounts': '/accounts', '/market': '/market' },
    bodyBytesMax: 512 * 1024,
    scopes: 'accounts',
  },
  certificates: {
    title: 'a certificate store',
    summary: 'users, certificates and encrypted private keys; notifications of changes and expiry',
    port: 9000,
    storage: {
      database: 'CERTIFICATES_DATABASE_URL',
      queue: 'CERTIFICATES_QUEUE_URL',
      cache: 'CACHE_URL',
    },
    engines: ['sqlite', 'postgres'],
    databaseName: 'certificates_db',
    paths: { '/users': '/users', '/certificates': '/certificates' },
    bodyBytesMax: 160 * 1024,
    scopes: 'certificates',
  },
  inventory: {
    title: 'a movie inventory',
    summary: 'movies: create, search, change, delete',
    port: 8080,
    storage: { database: 'INVENTORY_DATABASE_URL', cache: 'CACHE_URL' },
    engines: ['sqlite', 'postgres'],
    databaseName: 'movies_db',
    paths: { '/api/movies': '/api/movies' },
    bodyBytesMax: 64 * 1024,
    scopes: 'movies',
  },
  billing: {
    title: 'billing',
    summary: 'creates exactly one order for each message of its queue',
    port: 8081,
    storage: { database: 'BILLING_DATABASE_URL', queue: 'QUEUE_URL' },
    engines: ['sqlite', 'postgres'],
    databaseName: 'orders_db',
    paths: { '/api/orders': '/orders' },
    bodyBytesMax: 4 * 1024,
    scopes: 'orders',
  },
  gateway: {
    title: 'a gateway',
    summary: 'routes requests, with timeouts, retries and circuit breakers; merges the API documents',
    port: 3000,
    storage: { queue: 'QUEUE_URL' },
    engines: [],
    paths: {},
    bodyBytesMax: 4 * 1024,
    scopes: 'orders',
  },
} as const satisfies Topology

export const serviceNames = Object.keys(topology) as readonly ServiceName[]
export const upstreamNames = serviceNames.filter((name) => name !== 'gateway')

/** Every scope, by what it permits: to read and to write what each service has, or what others own; and what operators do. */
export const scopes: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    upstreamNames.flatMap((name) => [
      [`${topology[name].scopes}:read`, `Read from ${name}.`],
      [`${topology[name].scopes}:write`, `Change what ${name} has.`],
    ]),
  ),
  'all:read': 'Read what others own.',
  'all:write': 'Change what others own.',
  'quintet:observe': 'Read metrics and the state of the system.',
  'quintet:admin': 'Operate the system.',
}

/** The setting with the port that a service listens on. */
export function portSetting<Name extends string>(name: Name): `${Uppercase<Name>}_PORT` {
  return `${upperCase(name)}_PORT`
}

/** The documentation of the whole system, for that of a service to link to; none where the gateway has any free port. */
export function documentationOfSystem(gatewayPort: number): { name: string; url: string }[] {
  return gatewayPort === 0 ? [] : [{ name: 'All services', url: `http://127.0.0.1:${gatewayPort}/docs/` }]
}

/** The setting of the gateway with the address of a service. */
export function urlSetting<Name extends string>(name: Name): `${Uppercase<Name>}_URL` {
  return `${upperCase(name)}_URL`
}

/** The whole system in one sentence. */
export function systemDescription(
  titles = upstreamNames.map((name): string => topology[name].title),
): string {
  // Without Intl.ListFormat, which loads the data of its language, 10 ms of a start.
  const allButLast = titles.slice(0, -1).join(', ')
  const [first = '', ...rest] = [allButLast, ...titles.slice(-1)].filter((part) => part !== '').join(' and ')
  return `${first.toUpperCase()}${rest.join('')} behind one gateway.`
}

function upperCase<Text extends string>(text: Text): Uppercase<Text> {
  return text.toUpperCase() as Uppercase<Text>
}
