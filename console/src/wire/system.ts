import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Instant } from './held.ts'

export const ServiceState = Type.Enum(['up', 'not ready', 'closing', 'stopped', 'starting', 'unreachable'])
export type ServiceState = Static<typeof ServiceState>
const Figure = Type.Union([Type.Number(), Type.Null()])

/** Of the last minute; null where there are no metrics of it. */
export const Figures = Type.Object({
  requestsPerSecond: Figure,
  /** From 0 to 1: responses of 500 or above among all. */
  errorShare: Figure,
  /** Milliseconds within which 95 % are responded to. */
  p95Ms: Figure,
})
export type Figures = Static<typeof Figures>

/** `GET /api/map` */
export const SystemMap = Type.Object({
  at: Instant,
  nodes: Type.Array(
    Type.Object({
      /** `clients`, the name of a service, or a part of the storage, such as `guid database` or `queue billing_queue`. */
      id: Type.String(),
      column: Type.Enum(['clients', 'gateway', 'services', 'queues', 'storage']),
      title: Type.String(),
      state: Type.Union([ServiceState, Type.Enum(['down', 'unknown'])]),
      /** Why it is not up, in words; empty where it is. */
      fault: Type.String(),
      /** The engine and its URL without a password; the address of a service. */
      engine: Type.String(),
      url: Type.String(),
      figures: Figures,
      /** Of a queue. */
      live: Figure,
      dead: Figure,
    }),
  ),
  edges: Type.Array(
    Type.Object({
      from: Type.String(),
      to: Type.String(),
      figures: Figures,
    }),
  ),
})
export type SystemMap = Static<typeof SystemMap>

export const ServiceSummary = Type.Object({
  name: Type.String(),
  title: Type.String(),
  state: ServiceState,
  fault: Type.String(),
  url: Type.String(),
  version: Type.String(),
  /** When this state began. */
  since: Instant,
  /** Whether it runs in the console's process, so that it can be stopped and started from here. */
  isHere: Type.Boolean(),
  process: Type.Object({ id: Figure, memoryBytes: Figure, startedAt: Figure }),
  figures: Figures,
})
export type ServiceSummary = Static<typeof ServiceSummary>

/** `GET /api/services` */
export const ServiceList = Type.Object({ data: Type.Array(ServiceSummary) })
export type ServiceList = Static<typeof ServiceList>

/** `GET /api/services/:name`. `POST /api/services/:name/{start,stop,restart}` responds with it once the state is reached. */
export const ServiceDetail = Type.Object({
  ...ServiceSummary.properties,
  dependencies: Type.Record(Type.String(), Type.String()),
  /** As `quintet config` prints them: without secrets. */
  settings: Type.Array(
    Type.Object({
      name: Type.String(),
      value: Type.String(),
      source: Type.String(),
      description: Type.String(),
    }),
  ),
  migrationsPending: Type.Array(Type.String()),
  /** What `quintet doctor` finds, with `?doctor=1`; null otherwise. */
  findings: Type.Union([
    Type.Array(Type.Object({ level: Type.String(), subject: Type.String(), text: Type.String() })),
    Type.Null(),
  ]),
})
export type ServiceDetail = Static<typeof ServiceDetail>

/** `GET /api/events?from=&to=`: what changed the system, for the lists and as marks on charts. */
export const EventList = Type.Object({
  data: Type.Array(
    Type.Object({
      at: Instant,
      kind: Type.Enum([
        'start',
        'stop',
        'crash',
        'unreachable',
        'setting',
        'migration',
        'alert',
        'replay',
        'drop',
        'promise',
      ]),
      service: Type.String(),
      text: Type.String(),
    }),
  ),
})
export type EventList = Static<typeof EventList>

/** `GET /api/actions?limit=&cursor=`: who did what here. */
export const ActionList = Type.Object({
  data: Type.Array(
    Type.Object({
      id: Type.Integer(),
      at: Instant,
      who: Type.String(),
      what: Type.String(),
      on: Type.String(),
      outcome: Type.String(),
      succeeded: Type.Boolean(),
    }),
  ),
  next: Type.Union([Type.String(), Type.Null()]),
})
export type ActionList = Static<typeof ActionList>

/** `GET /api/session`: what the page needs before anything else. */
export const Session = Type.Object({
  version: Type.String(),
  /** `full`, `read`; in `read` every action is refused with 403. */
  mode: Type.Enum(['full', 'read']),
  who: Type.String(),
  isSignedIn: Type.Boolean(),
  byCookie: Type.Boolean({ description: 'Whether a cookie is why, whose session DELETE ends.' }),
  /** Where the documentation of the whole system is; empty where the gateway has no known address. */
  docsUrl: Type.String(),
  /** What is kept, in a sentence, and how far back it reaches. */
  keeps: Type.String(),
  collections: Type.Array(
    Type.Object({ service: Type.String(), name: Type.String(), path: Type.String(), title: Type.String() }),
  ),
})
export type Session = Static<typeof Session>
