import type {
  ActionList,
  EventList,
  Figures,
  ServiceDetail,
  ServiceList,
  ServiceSummary,
  Session,
  SystemMap,
} from '@quintet/console/wire'

/** A system at work: one dead letter, one database that is busy, one service that was restarted. All of it is fixed but for `now`. */
const minute = 60_000
const none: Figures = { requestsPerSecond: null, errorShare: null, p95Ms: null }

function figures(requestsPerSecond: number, errorShare: number, p95Ms: number): Figures {
  return { requestsPerSecond, errorShare, p95Ms }
}

const traffic = {
  guid: figures(412.6, 0, 3.1),
  brokerage: figures(86.2, 0, 11.8),
  certificates: figures(9.4, 0.021, 64),
  inventory: figures(148, 0, 4.2),
  billing: figures(12.1, 0, 5.4),
  gateway: figures(668.3, 0.0003, 8.9),
} as const
type Name = keyof typeof traffic
const names = Object.keys(traffic) as Name[]
const ports: Record<Name, number> = {
  guid: 8888,
  brokerage: 8000,
  certificates: 9000,
  inventory: 8080,
  billing: 8081,
  gateway: 3000,
}
const titles: Record<Name, string> = {
  guid: 'a GUID registry',
  brokerage: 'a brokerage',
  certificates: 'a certificate store',
  inventory: 'a movie inventory',
  billing: 'billing',
  gateway: 'a gateway',
}

type Node = SystemMap['nodes'][number]
function node(id: string, column: Node['column'], rest: Partial<Node>): Node {
  return {
    id,
    column,
    title: id,
    state: 'up',
    fault: '',
    engine: '',
    url: '',
    figures: none,
    live: null,
    dead: null,
    ...rest,
  }
}

function service(name: Name, rest: Partial<Node> = {}): Node {
  const column = name === 'gateway' ? 'gateway' : 'services'
  return node(name, column, {
    url: `http://127.0.0.1:${ports[name]}`,
    title: titles[name],
    figures: traffic[name],
    ...rest,
  })
}

function cache(name: Name, of: Figures): Node {
  return node(`${name} cache`, 'storage', { engine: 'memory', url: 'memory:', figures: of })
}

function database(name: Name, of: Figures): Node {
  return node(`${name} database`, 'storage', { engine: 'sqlite', url: `sqlite:data/${name}.db`, figures: of })
}

function queue(name: string, live: number, dead: number, of: Figures): Node {
  return node(`queue ${name}`, 'queues', {
    title: name,
    engine: 'sqlite',
    url: 'sqlite:data/queue.db',
    figures: of,
    live,
    dead,
  })
}

export function systemMap(now: number): SystemMap {
  const edge = (from: string, to: string, of: Figures) => ({ from, to, figures: of })
  return {
    at: now,
    nodes: [
      node('clients', 'clients', { state: 'unknown', figures: traffic.gateway }),
      service('gateway'),
      service('guid'),
      service('brokerage'),
      service('certificates', {
        state: 'not ready',
        fault: 'The database takes longer than 2 s.',
      }),
      service('inventory'),
      service('billing'),
      queue('guid.commands', 0, 0, figures(38, 0, 1.9)),
      queue('certificates.notifications', 4, 0, figures(0.4, 0, 210)),
      queue('billing_queue', 3, 37, figures(12.4, 0.03, 4.8)),
      database('guid', figures(96, 0, 1.4)),
      database('brokerage', figures(86, 0, 6.2)),
      database('certificates', figures(9.6, 0.02, 2100)),
      database('inventory', figures(21, 0, 1.1)),
      database('billing', figures(12.1, 0, 1.6)),
      cache('guid', figures(380, 0, 0.1)),
      cache('brokerage', none),
      cache('certificates', figures(6, 0, 0.1)),
      cache('inventory', figures(138, 0, 0.1)),
    ],
    edges: [
      edge('clients', 'gateway', traffic.gateway),
      ...names.filter((name) => name !== 'gateway').map((name) => edge('gateway', name, traffic[name])),
      edge('gateway', 'queue billing_queue', figures(12.4, 0, 2.2)),
      edge('queue billing_queue', 'billing', figures(12.4, 0.03, 4.8)),
      edge('guid', 'queue guid.commands', figures(38, 0, 1.2)),
      edge('queue guid.commands', 'guid', figures(38, 0, 1.9)),
      edge('certificates', 'queue certificates.notifications', figures(0.4, 0, 1.2)),
      edge('queue certificates.notifications', 'certificates', figures(0.4, 0, 210)),
      edge('guid', 'guid database', figures(96, 0, 1.4)),
      edge('brokerage', 'brokerage database', figures(86, 0, 6.2)),
      edge('certificates', 'certificates database', figures(9.6, 0.02, 2100)),
      edge('inventory', 'inventory database', figures(21, 0, 1.1)),
      edge('billing', 'billing database', figures(12.1, 0, 1.6)),
      edge('guid', 'guid cache', figures(380, 0, 0.1)),
      edge('brokerage', 'brokerage cache', none),
      edge('certificates', 'certificates cache', figures(6, 0, 0.1)),
      edge('inventory', 'inventory cache', figures(138, 0, 0.1)),
    ],
  }
}

export function services(now: number): ServiceList {
  return { data: names.map((name) => summary(name, now)) }
}

function summary(name: Name, now: number): ServiceSummary {
  const startedAt = now - 190 * minute
  const isBusy = name === 'certificates'
  return {
    name,
    title: titles[name],
    state: isBusy ? 'not ready' : 'up',
    fault: isBusy ? 'The database takes longer than 2 s.' : '',
    url: `http://127.0.0.1:${ports[name]}`,
    version: '0.1.0',
    since: name === 'billing' ? now - 12 * minute : isBusy ? now - 3 * minute : startedAt,
    isHere: true,
    process: { id: 48_213, memoryBytes: 186_400_000, startedAt },
    figures: traffic[name],
  }
}

export function serviceDetail(name: string, now: number, isExamined: boolean): ServiceDetail | undefined {
  const known = names.find((other) => other === name)
  if (known === undefined) return undefined
  const upper = name.toUpperCase()
  return {
    ...summary(known, now),
    dependencies:
      known === 'certificates' ? { database: 'slow', queue: 'up' } : { database: 'up', queue: 'up' },
    settings: [
      setting(`${upper}_PORT`, String(ports[known]), 'default', 'the port to listen on; 0 for any free one'),
      setting(`${upper}_DATABASE_URL`, `sqlite:data/${name}.db`, 'default', 'the database'),
      setting('QUEUE_URL', 'amqp://quintet:***@127.0.0.1:5672', '.env', 'the broker of billing_queue'),
      setting('CACHE_URL', 'memory:', 'default', 'the cache'),
      setting('LOG_LEVEL', 'warn', 'environment', 'the least severe log lines to write'),
      setting('HOST', '127.0.0.1', 'default', 'the address to listen on'),
    ],
    migrationsPending: [],
    findings: isExamined
      ? [
          { level: 'ok', subject: 'database', text: 'SQLite 3.53.1: WAL, synchronous=FULL.' },
          { level: 'warning', subject: 'disk', text: 'The data folder has 4.1 GB left, 6 % of its disk.' },
        ]
      : null,
  }
}

function setting(
  name: string,
  value: string,
  source: string,
  description: string,
): ServiceDetail['settings'][number] {
  return { name, value, source, description }
}

export function events(now: number): EventList {
  const event = (ago: number, kind: EventList['data'][number]['kind'], service: string, text: string) => ({
    at: now - ago * minute,
    kind,
    service,
    text,
  })
  return {
    data: [
      event(3, 'alert', 'certificates', 'certificates has not been ready for 1 min.'),
      event(8, 'replay', 'billing', '12 letters of billing_queue.dead were put back.'),
      event(12, 'start', 'billing', 'billing started.'),
      event(14, 'stop', 'billing', 'billing stopped.'),
      event(190, 'start', 'gateway', 'All services started.'),
    ],
  }
}

export function actions(now: number): ActionList {
  const action = (id: number, ago: number, what: string, on: string, outcome: string, succeeded = true) => ({
    id,
    at: now - ago * minute,
    who: 'this machine',
    what,
    on,
    outcome,
    succeeded,
  })
  return {
    data: [
      action(5, 8, 'replay', 'billing_queue.dead', '12 put back: 11 done, 1 dead again (same reason)'),
      action(4, 9, 'drop', 'billing_queue.dead', 'Refused: there are 12 now, not 11.', false),
      action(3, 12, 'start', 'billing', 'up after 84 ms'),
      action(2, 14, 'stop', 'billing', 'stopped after 31 ms'),
      action(1, 120, 'restart', 'inventory', 'up after 112 ms'),
    ],
    next: null,
  }
}

export function session(now: number): Session {
  const of = (service: string, name: string, path: string, title: string) => ({ service, name, path, title })
  return {
    version: '0.1.0',
    mode: 'full',
    who: 'this machine',
    isSignedIn: true,
    byCookie: false,
    docsUrl: 'http://127.0.0.1:3000/docs/',
    keeps: `Kept: 212,480 traces and 61,200 lines in 184 of 256 MiB, back to ${new Date(now - 4_620 * minute).toISOString().slice(0, 16).replace('T', ' ')} UTC.`,
    collections: [
      of('guid', 'guids', '/guids', 'GUIDs'),
      of('brokerage', 'accounts', '/accounts', 'Accounts'),
      of('certificates', 'users', '/users', 'Users'),
      of('certificates', 'certificates', '/certificates', 'Certificates'),
      of('inventory', 'movies', '/api/movies', 'Movies'),
      of('billing', 'orders', '/api/orders', 'Orders'),
    ],
  }
}
