import type { Metrics } from '@quintet/chassis/telemetry'
import { Counter, Gauge } from '@quintet/chassis/telemetry'
import type { CircuitState } from './circuit.ts'
import type { ExchangeFailure } from './http1/connection.ts'

/** The state of an upstream that is read at each scrape. */
type UpstreamState = { circuit(): CircuitState; inFlight(): number }

const circuitStates: readonly CircuitState[] = ['closed', 'half-open', 'open']

export type UpstreamMetrics = ReturnType<typeof createUpstreamMetrics>

/** Metrics of the upstreams, by the name of the service. */
export function createUpstreamMetrics({ registry }: Metrics) {
  const upstreams = new Map<string, UpstreamState>()
  const registers = [registry]
  const requests = new Counter({
    name: 'gateway_upstream_requests_total',
    help: 'Requests sent to the upstream, not counting retries.',
    labelNames: ['upstream'],
    registers,
  })
  const faults = new Counter({
    name: 'gateway_upstream_faults_total',
    help: 'Failed attempts; "stalled" is the fault of a client that stopped reading or sending.',
    labelNames: ['upstream', 'fault'],
    registers,
  })
  const retries = new Counter({
    name: 'gateway_upstream_retries_total',
    help: 'Requests that were retried.',
    labelNames: ['upstream'],
    registers,
  })
  const refusals = new Counter({
    name: 'gateway_upstream_refusals_total',
    help: 'Requests that were refused with 503, or with 429 for one client, instead of being sent.',
    labelNames: ['upstream', 'reason'],
    registers,
  })
  new Gauge({
    name: 'gateway_upstream_in_flight',
    help: 'Requests in flight to the upstream.',
    labelNames: ['upstream'],
    registers,
    collect() {
      for (const [upstream, reading] of upstreams) this.set({ upstream }, reading.inFlight())
    },
  })
  new Gauge({
    name: 'gateway_circuit_state',
    help: '1 for the current state of the circuit, 0 for the others.',
    labelNames: ['upstream', 'state'],
    registers,
    collect() {
      for (const [upstream, reading] of upstreams)
        for (const state of circuitStates) this.set({ upstream, state }, state === reading.circuit() ? 1 : 0)
    },
  })

  return {
    /** Adds an upstream, and returns its counters. */
    register(upstream: string, reading: UpstreamState) {
      upstreams.set(upstream, reading)
      const request = requests.labels({ upstream })
      return {
        request: () => request.inc(),
        retry: () => retries.inc({ upstream }),
        fault: (fault: ExchangeFailure) => faults.inc({ upstream, fault }),
        refusal: (reason: 'circuit_open' | 'overloaded' | 'too_many_requests') =>
          refusals.inc({ upstream, reason }),
      }
    },
  }
}
