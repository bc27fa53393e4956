import { isOutOfDescriptors } from '@quintet/chassis/errors'
import type { createHttpClient } from './http1/client.ts'
import type { ExchangeError, ExchangeListener } from './http1/connection.ts'

const probeTimeoutMs = 2_000

/** The status of the response; `unsent` where the gateway had no descriptor for a connection, which shows nothing about the service. */
type ProbeOutcome = number | 'failure' | 'unsent'

/** `failure` says why there was no response, unless it was late. */
type Probe = (target: string, done: (outcome: ProbeOutcome, failure?: ExchangeError) => void) => void

/**
 * Sends requests of the gateway itself. Any response within the time limit counts. The connection is a new one, since an old one may be
 * stale.
 */
export function createProbe(client: ReturnType<typeof createHttpClient>, timeoutMs: number): Probe {
  return (target, done) => {
    const request = {
      method: 'GET',
      target,
      head: 'Connection: close\r\n\r\n',
      body: undefined,
      isChunked: false,
    }
    const timeout = setTimeout(() => end('failure'), Math.min(probeTimeoutMs, timeoutMs))
    const listener: ExchangeListener = {
      onHead: ({ status }) => end(status),
      onBody() {},
      onEnd() {},
      onFailure: (failure) => end(isOutOfDescriptors(failure.cause) ? 'unsent' : 'failure', failure),
    }
    let isOver = false
    const connection = client.send(request, listener, true)

    function end(outcome: ProbeOutcome, failure?: ExchangeError): void {
      if (isOver) return
      isOver = true
      clearTimeout(timeout)
      connection.abort(listener)
      done(outcome, failure)
    }
  }
}
