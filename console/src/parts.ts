import type { Clock } from '@quintet/chassis/clock'
import type { Finding } from '@quintet/chassis/diagnosis'
import type { PromiseChecks } from '@quintet/chassis/promises'
import type { QueueAdmin } from '@quintet/chassis/queue'
import type { Logger, Metrics } from '@quintet/chassis/telemetry'
import type { ServiceName } from '@quintet/contracts/topology'
import type { FastifyRequest } from 'fastify'
import type { Reader } from './reader.ts'
import type { Send } from './send.ts'
import type { ActionList, EventList, ServiceDetail, ServiceState } from './wire/index.ts'

/** What the parts of the console share. Each subject adds its routes by `add<Subject>(app, parts)`, with those parts that it needs. */
export type ConsoleParts = {
  readonly logger: Logger
  readonly metrics: Metrics
  readonly clock: Clock
  /** In the order of the topology, the gateway last. */
  readonly services: readonly ObservedService[]
  /** The brokers of all services, each with the queues that services consume there. Opened by the first call. */
  readonly brokers: () => Promise<readonly Broker[]>
  readonly history: History
  /** The file of telemetry: samples by `call('addSamples', …)` and `call('series', …)`, traces and lines of the log. */
  readonly reader: Reader
  /**
   * Runs an action for the client of the request. Rejects with `forbidden` where actions are off or the client may not act. Afterwards
   * it is in the list of actions and in the log, whether it succeeded or not.
   */
  readonly act: <T>(
    request: FastifyRequest,
    action: { readonly what: string; readonly on: string },
    work: () => Promise<{ readonly value: T; readonly outcome: string }>,
  ) => Promise<T>
}

export type ObservedService = {
  readonly name: ServiceName
  readonly title: string
  /** Where this machine reaches its API; it may change with a start. */
  readonly url: () => string
  /** Reaches it at its URLs. */
  readonly send: Send
  /** The URLs of its metrics and of its readiness with details: its own, or those of the listener for operations. */
  readonly metricsUrl: () => string
  readonly readinessUrl: () => string
  /** The same without a request, where it runs in this process; there its certificate need not be trusted. */
  readonly readiness?:
    | (() => Promise<{ readonly status: string; readonly dependencies?: Readonly<Record<string, string>> }>)
    | undefined
  /** The text of its metrics without a request, where it runs in this process and has no listener for operations. */
  readonly metricsText?: (() => Promise<string>) | undefined
  /** Its checks of promises, where it runs in this process: there its certificate need not be trusted. */
  readonly promises?: (() => PromiseChecks) | undefined
  /** As `quintet config` prints them: without secrets. */
  readonly settings: () => ServiceDetail['settings']
  /** Its databases, caches and queues, by setting; `shown` is without a password. */
  readonly storage: () => readonly { readonly setting: string; readonly shown: string }[]
  readonly migrationsPending: () => Promise<string[]>
  /** What `quintet doctor` finds. */
  readonly examine: () => Promise<Finding[]>
  /** Undefined where it runs in another process. */
  readonly control: ServiceControl | undefined
}

export type ServiceControl = {
  readonly state: () => ServiceState
  /** When this state began, in milliseconds since 1970. */
  readonly since: () => number
  /** Each resolves once the state is reached. */
  readonly start: () => Promise<void>
  readonly stop: () => Promise<void>
}

export type Broker = {
  /** Its scheme, and its URL without a password; `unknown` and empty where its setting is invalid. */
  readonly kind: string
  readonly url: string
  readonly queues: readonly { readonly name: string; readonly service: ServiceName }[]
  readonly admin: QueueAdmin
}

type Event = EventList['data'][number]
type Action = ActionList['data'][number]

/** What is kept of events and actions, in `telemetry.db`, or in memory where there is none. */
export type History = {
  /** This and `addAction` never reject: what cannot be kept is a line of the log. */
  readonly addEvent: (event: Event) => Promise<void>
  readonly events: (range: { readonly from: number; readonly to: number }) => Promise<readonly Event[]>
  readonly addAction: (action: Omit<Action, 'id'>) => Promise<void>
  readonly actions: (page: {
    readonly limit: number
    readonly before: number | undefined
  }) => Promise<readonly Action[]>
}
