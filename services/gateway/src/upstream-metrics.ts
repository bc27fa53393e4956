import type { Metrics } from '@quintet/chassis/telemetry'
import { Counter, Gauge } from '@quintet/chassis/telemetry'
import type { CircuitState } from './circuit.ts'
import { exchangeFailures } from './http1/connection.ts'
import type { ExchangeFailure } from './http1/connection.ts'

/** The state of an upstream that is read at each scrape. */
type UpstreamState = { circuit(): CircuitState; inFlight(): number; endpoints(): readonly AddressState[] }

/** The same of one of its addresses. Those that it has no more are not shown, so that there are few. */
type AddressState = {
  readonly url: URL
  readonly circuit: { state(): CircuitState }
  isReady(): boolean
  inFlight(): number
  requests(): number
}

/** Requests are counted here, since the library's counter costs more than the rest of their accounting. */
type Upstream = UpstreamState & { requests: number }

const refusalReasons = ['circuit_open', 'overloaded', 'too_many_requests'] as const

const circuitStates: readonly CircuitState[] = ['closed', 'half-open', 'open']

export type UpstreamMetrics = ReturnType<typeof createUpstreamMetrics>

/** The counters of one upstream. */
export type UpstreamCounts = ReturnType<UpstreamMetrics['register']>

/** Metrics of the upstreams, by the name of the service. */
export function createUpstreamMetrics({ registry }: Metrics) {
  const upstreams = new Map<string, Upstream>()
  const registers = [registry]
  new Counter({
    name: 'quintet_gateway_upstream_requests_total',
    help: 'Requests sent to the upstream, not counting retries.',
    labelNames: ['upstream'],
    registers,
    collect() {
      this.reset()
      for (const [upstream, { requests }] of upstreams) this.inc({ upstream }, requests)
    },
  })
  const faults = new Counter({
    name: 'quintet_gateway_upstream_faults_total',
    help: 'Failed attempts; "stalled" is the fault of a client that stopped reading or sending.',
    labelNames: ['upstream', 'fault'],
    registers,
  })
  const retries = new Counter({
    name: 'quintet_gateway_upstream_retries_total',
    help: 'Requests that were retried.',
    labelNames: ['upstream'],
    registers,
  })
  const refusals = new Counter({
    name: 'quintet_gateway_upstream_refusals_total',
    help: 'Requests that were refused with 503, or with 429 for one client, instead of being sent.',
    labelNames: ['upstream', 'reason'],
    registers,
  })
  new Gauge({
    name: 'quintet_gateway_upstream_in_flight',
    help: 'Requests in flight to the upstream.',
    labelNames: ['upstream'],
    registers,
    collect() {
      for (const [upstream, { inFlight }] of upstreams) this.set({ upstream }, inFlight())
    },
  })
  new Gauge({
    name: 'quintet_gateway_circuit_state',
    help: '1 for the current state of the circuit, 0 for the others.',
    labelNames: ['upstream', 'state'],
    registers,
    collect() {
      for (const [upstream, reading] of upstreams)
        for (const state of circuitStates) this.set({ upstream, state }, state === reading.circuit() ? 1 : 0)
    },
  })
  addressMetrics(upstreams, registers)

  return {
    /** Adds an upstream, and returns its counters. */
    register(name: string, state: UpstreamState) {
      const upstream: Upstream = { ...state, requests: 0 }
      upstreams.set(name, upstream)
      retries.inc({ upstream: name }, 0)
      for (const fault of exchangeFailures) faults.inc({ upstream: name, fault }, 0)
      for (const reason of refusalReasons) refusals.inc({ upstream: name, reason }, 0)
      return {
        request(): void {
          upstream.requests += 1
        },
        retry: () => retries.inc({ upstream: name }),
        fault: (fault: ExchangeFailure) => faults.inc({ upstream: name, fault }),
        refusal: (reason: (typeof refusalReasons)[number]) => refusals.inc({ upstream: name, reason }),
      }
    },
  }
}

/** Metrics of each address that an upstream has at present. */
function addressMetrics(upstreams: ReadonlyMap<string, Upstream>, registers: Metrics['registry'][]): void {
  const labelNames = ['upstream', 'address']
  const all = () =>
    [...upstreams].flatMap(([upstream, { endpoints }]) =>
      endpoints().map((state) => ({ labels: { upstream, address: state.url.host }, state })),
    )
  new Counter({
    name: 'quintet_gateway_address_requests_total',
    help: 'Requests sent to the address of the upstream, including retries.',
    labelNames,
    registers,
    collect() {
      this.reset()
      for (const { labels, state } of all()) this.inc(labels, state.requests())
    },
  })
  new Gauge({
    name: 'quintet_gateway_address_in_flight',
    help: 'Requests in flight to the address of the upstream.',
    labelNames,
    registers,
    collect() {
      this.reset()
      for (const { labels, state } of all()) this.set(labels, state.inFlight())
    },
  })
  new Gauge({
    name: 'quintet_gateway_address_up',
    help: '1 while the circuit of the address is closed and, where the upstream has several, it is ready; 0 otherwise.',
    labelNames,
    registers,
    collect() {
      this.reset()
      for (const { labels, state } of all())
        this.set(labels, isUp(state, upstreams.get(labels.upstream)) ? 1 : 0)
    },
  })
}

function isUp({ circuit, isReady }: AddressState, upstream: Upstream | undefined): boolean {
  return circuit.state() === 'closed' && (isReady() || upstream?.endpoints().length === 1)
}
