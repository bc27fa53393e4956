import type { Clock } from '@quintet/chassis/clock'
import { isOutOfDescriptors } from '@quintet/chassis/errors'
import { createCircuit } from './circuit.ts'
import type { CircuitState } from './circuit.ts'
import { createHttpClient } from './http1/client.ts'
import type { ExchangeFailure, ExchangeListener } from './http1/connection.ts'

const limits = {
  probeTimeoutMs: 2_000,
  /** How often an open circuit is examined, at least once in its open time. */
  probeIntervalMs: 100,
}

export type EndpointOptions = {
  /** Where to connect. */
  readonly url: URL
  /** The Host of the service, whichever address is used. */
  readonly host: string
  readonly timeoutMs: number
  readonly circuitFaultsMax: number
  readonly circuitFaultPercent: number
  readonly circuitOpenMs: number
  readonly clock: Clock
  onCircuitChange(address: string, state: CircuitState): void
}

export type Endpoint = ReturnType<typeof createEndpoint>

/** `unsent` where the gateway had no descriptor for a connection, which shows nothing about the service. */
type ProbeOutcome = 'response' | 'failure' | 'unsent'

/** One address of a service: its connections and its circuit, which requests of the gateway itself probe while it is open. */
export function createEndpoint(options: EndpointOptions) {
  const { url, host, clock, timeoutMs } = options
  const client = createHttpClient({ url, timeoutMs, clock })
  let timer: NodeJS.Timeout | undefined
  let isRetired = false
  /** Timeouts that wait for the outcome of a probe, which began with the first of them. */
  let timeouts = 0
  const circuit = createCircuit({
    clock,
    faultsMax: options.circuitFaultsMax,
    faultPercent: options.circuitFaultPercent,
    openMs: options.circuitOpenMs,
    onChange(state) {
      options.onCircuitChange(url.host, state)
      if (state === 'open' && !isRetired) timer ??= startProbing()
      if (state === 'closed') stopProbing()
    },
  })

  function startProbing(): NodeJS.Timeout {
    const intervalMs = Math.min(limits.probeIntervalMs, options.circuitOpenMs)
    return setInterval(() => {
      if (circuit.beginProbe()) probe((outcome) => circuit.probed(outcome === 'response'))
    }, intervalMs).unref()
  }

  function stopProbing(): void {
    clearInterval(timer)
    timer = undefined
  }

  /** Counts timeouts as faults only if the service does not respond to a probe either: one slow request is no fault of all others. */
  function examineTimeout(): void {
    timeouts += 1
    if (timeouts > 1) return
    probe((outcome) => {
      const examined = timeouts
      timeouts = 0
      if (outcome === 'failure') for (let fault = 0; fault < examined; fault += 1) circuit.faulted()
    })
  }

  function retire(): void {
    isRetired = true
    stopProbing()
  }

  /** Any response within the time limit counts. The connection is a new one, since an old one may be stale. */
  function probe(done: (outcome: ProbeOutcome) => void): void {
    const head = `GET /health/live HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
    const timeout = setTimeout(() => end('failure'), Math.min(limits.probeTimeoutMs, timeoutMs))
    const listener: ExchangeListener = {
      onHead: () => end('response'),
      onBody() {},
      onEnd() {},
      onFailure: ({ cause }) => end(isOutOfDescriptors(cause) ? 'unsent' : 'failure'),
    }
    let isOver = false
    const connection = client.send({ method: 'GET', head, body: undefined, isChunked: false }, listener, true)

    function end(outcome: ProbeOutcome): void {
      if (isOver) return
      isOver = true
      clearTimeout(timeout)
      connection.abort(listener)
      done(outcome)
    }
  }

  return {
    circuit,
    send: client.send,
    /** A call failed by a fault of the upstream. */
    faulted(fault: ExchangeFailure): void {
      if (fault === 'timeout') examineTimeout()
      else circuit.faulted()
    },
    /** No request will follow: it is no longer probed, and its connections close once they have been idle. */
    retire,
    close(): void {
      retire()
      client.close()
    },
  }
}
