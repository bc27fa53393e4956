import type { Metrics } from '@quintet/chassis/telemetry'
import { Counter, exchangesOf, Gauge, methodLabel } from '@quintet/chassis/telemetry'
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
export function createUpstreamMetrics({ registry, histogram }: Metrics) {
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
  const durations = histogram({
    name: 'http_client_request_duration_seconds',
    help: 'Time of each attempt of a request to the upstream, until the end of its response, by status or error.',
  })

  return {
    /** Adds an upstream, and returns its counters. */
    register(name: string, urls: readonly URL[], state: UpstreamState) {
      const byHost = new Map(urls.map((url) => [url.host, serverLabels(name, url)]))
      const responses = new Map([...byHost].map(([host, labels]) => [host, exchangesOf(durations, labels)]))
      const upstream: Upstream = { ...state, requests: 0 }
      upstreams.set(name, upstream)
      retries.inc({ upstream: name }, 0)
      for (const fault of exchangeFailures) faults.inc({ upstream: name, fault }, 0)
      for (const reason of refusalReasons) refusals.inc({ upstream: name, reason }, 0)
      return {
        request(): void {
          upstream.requests += 1
        },
        /** The end of the response to an attempt at the configured address `host`. */
        response(host: string, method: string, status: number, durationMs: number): void {
          responses.get(host)?.(method, status, durationMs)
        },
        /** The failure of an attempt. */
        failure(host: string, method: string, fault: ExchangeFailure, durationMs: number): void {
          const labels = {
            http_request_method: methodLabel(method),
            ...byHost.get(host),
            error_type: fault,
          }
          durations.observe(durations.series(labels), durationMs / 1_000)
        },
        retry: () => retries.inc({ upstream: name }),
        fault: (fault: ExchangeFailure) => faults.inc({ upstream: name, fault }),
        refusal: (reason: (typeof refusalReasons)[number]) => refusals.inc({ upstream: name, reason }),
      }
    },
  }
}

/** The configured address, and not those that its name stands for, which come and go. */
function serverLabels(name: string, { hostname, port, protocol }: URL): Record<string, string> {
  return {
    server_address: hostname,
    server_port: port || (protocol === 'https:' ? '443' : '80'),
    quintet_upstream: name,
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
