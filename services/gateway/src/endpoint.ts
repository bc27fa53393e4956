import type { Clock } from '@quintet/chassis/clock'
import { createCircuit } from './circuit.ts'
import type { CircuitState } from './circuit.ts'
import { connectionReason } from './connection-reason.ts'
import { createHttpClient } from './http1/client.ts'
import type { ExchangeError } from './http1/connection.ts'
import type { UpstreamTls } from './http1/open-socket.ts'
import { createProbe } from './probe.ts'

/** How often an open circuit is examined, at least once in its open time; and for how long a response to a probe explains timeouts. */
const probeIntervalMs = 100

export type EndpointOptions = {
  /** The name of the service. */
  readonly service: string
  /** Where to connect. */
  readonly url: URL
  /** The Host of the service, whichever address is used. */
  readonly host: string
  readonly timeoutMs: number
  readonly circuitFaultsMax: number
  readonly circuitFaultPercent: number
  readonly circuitOpenMs: number
  readonly clock: Clock
  readonly tls?: UpstreamTls | undefined
  /** Whether the service has no other address, so that it makes no difference whether this one is ready. */
  isAlone(): boolean
  /** `reason` says why requests have failed, where that is known. */
  onCircuitChange(address: string, state: CircuitState, reason: string | undefined): void
  /** A connection has failed by its TLS, which does not mend itself. */
  onTlsFault(address: string, reason: string): void
  /** A request or a probe has failed. */
  onFault(): void
}

type Failure = Pick<ExchangeError, 'fault' | 'cause'>

export type Endpoint = ReturnType<typeof createEndpoint>

/** One address of a service: its connections and its circuit, which requests of the gateway itself probe while it is open. */
export function createEndpoint(options: EndpointOptions) {
  const { url, host, clock, timeoutMs, tls } = options
  const { circuitFaultsMax: faultsMax, circuitFaultPercent: faultPercent, circuitOpenMs: openMs } = options
  const client = createHttpClient({ url, host, timeoutMs, clock, tls })
  const probe = createProbe(client, timeoutMs)
  let timer: NodeJS.Timeout | undefined
  let isRetired = false
  /** Timeouts that wait for the outcome of a probe, which began with the first of them. */
  let timeouts = 0
  let respondedAt = Number.NEGATIVE_INFINITY
  let inFlight = 0
  let requests = 0
  let isReady = false
  let isCheckingReadiness = false
  /** Why the last request that failed did. */
  let lastReason: string | undefined
  const circuit = createCircuit({
    ...{ clock, faultsMax, faultPercent, openMs },
    onChange(state) {
      options.onCircuitChange(url.host, state, state === 'open' ? lastReason : undefined)
      if (state === 'open' && !isRetired) timer ??= startProbing()
      if (state === 'open') isReady = false
      if (state !== 'closed') return
      stopProbing()
      if (!options.isAlone()) checkReadiness()
    },
  })

  function startProbing(): NodeJS.Timeout {
    const intervalMs = Math.min(probeIntervalMs, openMs)
    return setInterval(() => {
      if (circuit.beginProbe())
        probe('/health/live', (outcome) => circuit.probed(typeof outcome === 'number'))
    }, intervalMs).unref()
  }

  function stopProbing(): void {
    clearInterval(timer)
    timer = undefined
  }

  /** Counts timeouts as faults only if the service does not respond to a probe either: one slow request is no fault of all others. */
  function examineTimeout(): void {
    if (clock.now() - respondedAt < probeIntervalMs) return
    timeouts += 1
    if (timeouts > 1) return
    probe('/health/live', (outcome) => {
      const examined = timeouts
      timeouts = 0
      if (typeof outcome === 'number') respondedAt = clock.now()
      if (outcome === 'failure') for (let fault = 0; fault < examined; fault += 1) circuit.faulted()
    })
  }

  /** One check at a time; until the first is over, the address is not ready. */
  function checkReadiness(): void {
    if (isCheckingReadiness || circuit.state() !== 'closed') return
    isCheckingReadiness = true
    probe('/health/ready', (outcome) => {
      isCheckingReadiness = false
      // A server of others, which has no such path, counts as ready.
      if (outcome !== 'unsent') isReady = typeof outcome === 'number' && outcome !== 503
      if (!isReady) options.onFault()
    })
  }

  /** The sentence on a failure; one of TLS is reported. */
  function reasonOf(failure: Failure): string {
    const { text, isOfTls } = connectionReason(options.service, failure)
    if (isOfTls) options.onTlsFault(url.host, text)
    return text
  }

  function retire(): void {
    isRetired = true
    stopProbing()
  }

  return {
    url,
    host,
    circuit,
    send: client.send,
    /** A request begins here; `leave` must follow. */
    enter(): void {
      inFlight += 1
      requests += 1
    },
    leave(): void {
      inFlight -= 1
    },
    inFlight: () => inFlight,
    requests: () => requests,
    isReady: () => isReady,
    checkReadiness,
    /** Why the service is not ready at this address, however its circuit is; undefined if it is ready. */
    probeReadiness(): Promise<string | undefined> {
      const { promise, resolve } = Promise.withResolvers<string | undefined>()
      probe('/health/ready', (outcome, failure: Failure = { fault: 'timeout', cause: undefined }) => {
        if (outcome === 200) resolve(undefined)
        else resolve(typeof outcome === 'number' ? `It responds with status ${outcome}.` : reasonOf(failure))
      })
      return promise
    },
    /** A call failed by a fault of the upstream. */
    faulted(failure: Failure): void {
      lastReason = reasonOf(failure)
      if (failure.fault === 'timeout') examineTimeout()
      else circuit.faulted()
      options.onFault()
    },
    /** No request will follow: it is no longer probed, and its connections close once they have been idle. */
    retire,
    close(): void {
      retire()
      client.close()
    },
  }
}
