import type { Clock } from '@quintet/chassis/clock'
import { createShared } from '@quintet/chassis/concurrency'
import { describeOperations, problems } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { topology } from '@quintet/contracts/topology'
import type { ServiceEntry, ServiceName } from '@quintet/contracts/topology'
import { noFigures } from './figures.ts'
import type { FiguresOfNow } from './figures.ts'
import type { ObservedService } from './parts.ts'
import type { HeldQueue, QueueLook } from './queue-look.ts'
import type { FoundState } from './states.ts'
import { SystemMap } from './wire/index.ts'

type Node = SystemMap['nodes'][number]
type Edge = SystemMap['edges'][number]

type Known = { readonly service: Observed; readonly state: FoundState }
type Observed = Pick<ObservedService, 'name' | 'title' | 'url' | 'storage'>

type Parts = {
  readonly clock: Clock
  /** In the order of the topology, the gateway last. */
  readonly services: readonly Observed[]
  readonly figures: FiguresOfNow
  readonly lookAtQueues: QueueLook
  readonly stateOf: (name: ServiceName) => Promise<FoundState> | undefined
}

const operation = describeOperations('map')
const clients = 'clients'
const noQueue = { live: null, dead: null }

/** The system as it is now: its parts with their states, and what goes between them. Gives what makes the map, for the live stream. */
export function addMap(app: App, parts: Parts): () => Promise<SystemMap> {
  const currentMap = createShared(() => mapOf(parts), { keepFactor: 20 })
  app.get(
    '/api/map',
    operation('getMap', 'Get the map of the system', {
      description:
        'Figures are of the last minute. What is not known is null: a service that is away has no figures, and the queues of a broker that is away have none.',
      response: { 200: SystemMap, ...problems(401) },
    }),
    currentMap,
  )
  return currentMap
}

async function mapOf({ clock, services, figures, stateOf, lookAtQueues }: Parts): Promise<SystemMap> {
  const [states, queues] = await Promise.all([
    Promise.all(
      services.map(async (service) => ({ service, state: (await stateOf(service.name)) ?? unknown })),
    ),
    lookAtQueues(),
  ])
  const stores = states.flatMap((known) => storesOf(known, figures))
  return {
    at: clock.now(),
    nodes: [
      nodeOf(clients, { column: 'clients', title: 'Clients', figures: figures.of('requests', 'gateway') }),
      ...states.map((known) => serviceNode(known, figures)),
      ...queues.map((queue) => queueNode(queue, figures)),
      ...uniqueById(stores.map(({ node }) => node)),
    ],
    edges: [
      ...requestEdges(services, figures),
      ...queues.flatMap((queue) => queueEdges(queue, services, figures)),
      ...stores.map(({ edge }) => edge),
    ],
  }
}

const unknown: FoundState = { state: 'unreachable', fault: 'It is not observed.', dependencies: {} }

function nodeOf(id: string, given: Partial<Node> & Pick<Node, 'column' | 'title'>): Node {
  return {
    ...{ id, state: 'unknown', fault: '', engine: '', url: '', figures: noFigures, ...noQueue },
    ...given,
  }
}

function serviceNode({ service, state }: Known, figures: FiguresOfNow): Node {
  const { name, title, url } = service
  return nodeOf(name, {
    column: isGateway(name) ? 'gateway' : 'services',
    title,
    state: state.state,
    fault: state.fault,
    url: url(),
    figures: figures.of('requests', name),
  })
}

function isGateway(name: string): boolean {
  return name === 'gateway'
}

/** Clients send to the gateway, and the gateway to every service that it forwards paths to. */
function requestEdges(services: readonly Observed[], figures: FiguresOfNow): Edge[] {
  const gateways = services.filter(({ name }) => isGateway(name))
  return gateways.flatMap(({ name: gateway }) => [
    { from: clients, to: gateway, figures: figures.of('requests', gateway) },
    ...services
      .filter(({ name }) => Object.keys(topology[name].paths).length > 0)
      .map(({ name }) => ({
        from: gateway,
        to: name,
        figures: figures.of('upstream', `${gateway} ${name}`),
      })),
  ])
}

const queueId = (name: string) => `queue ${name}`

function queueNode(
  { name, service, broker, url, live, dead, fault }: HeldQueue,
  figures: FiguresOfNow,
): Node {
  return nodeOf(queueId(name), {
    column: 'queues',
    title: name,
    state: fault === null ? 'up' : 'down',
    fault: fault ?? '',
    engine: broker,
    url,
    figures: figures.of('handled', `${service} ${name}`),
    live,
    dead,
  })
}

/** Who publishes to a queue is known by the metrics; who consumes it, by the topology. */
function queueEdges(
  { name, service }: HeldQueue,
  services: readonly Observed[],
  figures: FiguresOfNow,
): Edge[] {
  const publishers = services.filter((one) => figures.publishedBy(one.name).includes(name))
  return [
    ...publishers.map((publisher) => ({
      from: publisher.name,
      to: queueId(name),
      figures: figures.of('published', `${publisher.name} ${name}`),
    })),
    { from: queueId(name), to: service, figures: figures.of('handled', `${service} ${name}`) },
  ]
}

/** The database and the cache of a service. Services share a cache on a server, but none of their processes. */
function storesOf({ service, state }: Known, figures: FiguresOfNow): { node: Node; edge: Edge }[] {
  const { storage }: ServiceEntry = topology[service.name]
  const shown = new Map(service.storage().map((one) => [one.setting, one.shown]))
  return (['database', 'cache'] as const).flatMap((kind) => {
    const setting = storage[kind]
    const url = setting === undefined ? undefined : shown.get(setting)
    if (url === undefined || url.startsWith('none:')) return []
    const own = `${service.name} ${kind}`
    const id = kind === 'cache' && url.includes('//') ? `cache ${url}` : own
    const measured = figures.of(kind, service.name)
    const { state: found, fault } = stateOfPart(kind, state)
    const engine = url.slice(0, url.indexOf(':'))
    const node = {
      column: 'storage' as const,
      title: id,
      state: found,
      fault,
      engine,
      url,
      figures: measured,
    }
    return [{ node: nodeOf(id, node), edge: { from: service.name, to: id, figures: measured } }]
  })
}

/** The state of a part by the readiness of its service. One that is not in it has no fault, unless nothing is in it. */
function stateOfPart(kind: string, { state, dependencies }: FoundState): Pick<Node, 'state' | 'fault'> {
  const word = dependencies[kind]
  if (word === 'up') return { state: 'up', fault: '' }
  if (word !== undefined) return { state: 'down', fault: word }
  const isKnown = state === 'up' || (state === 'not ready' && Object.keys(dependencies).length > 0)
  return { state: isKnown ? 'up' : 'unknown', fault: '' }
}

/** Of a part that several services have, the node of the first whose readiness has it; its figures are on the edges. */
function uniqueById(nodes: readonly Node[]): Node[] {
  return [...Map.groupBy(nodes, ({ id }) => id).values()].flatMap((same) => {
    const said =
      same.find(({ state }) => state === 'down') ?? same.find(({ state }) => state === 'up') ?? same[0]
    if (said === undefined) return []
    return same.length === 1 ? [said] : [{ ...said, figures: noFigures }]
  })
}
