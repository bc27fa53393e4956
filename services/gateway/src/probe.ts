import { isOutOfDescriptors } from '@quintet/chassis/errors'
import type { createHttpClient } from './http1/client.ts'
import type { ExchangeListener } from './http1/connection.ts'

const probeTimeoutMs = 2_000

/** The status of the response; `unsent` where the gateway had no descriptor for a connection, which shows nothing about the service. */
type ProbeOutcome = number | 'failure' | 'unsent'

type Probe = (target: string, done: (outcome: ProbeOutcome) => void) => void

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
      onFailure: ({ cause }) => end(isOutOfDescriptors(cause) ? 'unsent' : 'failure'),
    }
    let isOver = false
    const connection = client.send(request, listener, true)

    function end(outcome: ProbeOutcome): void {
      if (isOver) return
      isOver = true
      clearTimeout(timeout)
      connection.abort(listener)
      done(outcome)
    }
  }
}
