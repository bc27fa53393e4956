import type { Metrics } from '@quintet/chassis/telemetry'
import { Counter, Gauge } from '@quintet/chassis/telemetry'
import type { CircuitState } from './circuit.ts'
import type { Fault } from './http1/connection.ts'

/** What is read of an upstream when the metrics are. */
type Reading = { circuit(): CircuitState; inFlight(): number }

const circuitStates: readonly CircuitState[] = ['closed', 'half-open', 'open']

export type UpstreamMetrics = ReturnType<typeof createUpstreamMetrics>

/** What Prometheus learns of the upstreams, by the name of the service. */
export function createUpstreamMetrics({ registry }: Metrics) {
  const followed = new Map<string, Reading>()
  const registers = [registry]
  const requests = new Counter({
    name: 'gateway_upstream_requests_total',
    help: 'Requests sent to the upstream, each counted once however often it was tried.',
    labelNames: ['upstream'],
    registers,
  })
  const faults = new Counter({
    name: 'gateway_upstream_faults_total',
    help: 'Attempts that failed; "stalled" is the fault of a client that stopped reading or sending.',
    labelNames: ['upstream', 'fault'],
    registers,
  })
  const retries = new Counter({
    name: 'gateway_upstream_retries_total',
    help: 'Requests that were sent a second time.',
    labelNames: ['upstream'],
    registers,
  })
  const refusals = new Counter({
    name: 'gateway_upstream_refusals_total',
    help: 'Requests that were answered 503 instead of being sent.',
    labelNames: ['upstream', 'reason'],
    registers,
  })
  new Gauge({
    name: 'gateway_upstream_in_flight',
    help: 'Requests that the upstream has not answered in full yet.',
    labelNames: ['upstream'],
    registers,
    collect() {
      for (const [upstream, reading] of followed) this.set({ upstream }, reading.inFlight())
    },
  })
  new Gauge({
    name: 'gateway_circuit_state',
    help: 'Of the states of the circuit, 1 for the one it is in.',
    labelNames: ['upstream', 'state'],
    registers,
    collect() {
      for (const [upstream, reading] of followed)
        for (const state of circuitStates) this.set({ upstream, state }, state === reading.circuit() ? 1 : 0)
    },
  })

  return {
    /** Gives the counts of one upstream. */
    follow(upstream: string, reading: Reading) {
      followed.set(upstream, reading)
      const request = requests.labels({ upstream })
      return {
        request: () => request.inc(),
        retry: () => retries.inc({ upstream }),
        fault: (fault: Fault) => faults.inc({ upstream, fault }),
        refusal: (reason: 'circuit_open' | 'overloaded') => refusals.inc({ upstream, reason }),
      }
    },
  }
}
