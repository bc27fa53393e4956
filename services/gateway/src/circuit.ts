import type { Clock } from '@quintet/chassis/clock'

export type CircuitState = 'closed' | 'open' | 'half-open'

/** An ordinary call, or the one that probes whether the upstream has recovered. */
export type CallKind = 'call' | 'probe'

/** The outcome of a call: any response, a fault of the upstream, or neither because the client gave up. */
export type CallOutcome = 'responded' | 'faulted' | 'abandoned'

export type CircuitOptions = {
  readonly clock: Clock
  /** Consecutive faults that open the circuit. */
  readonly faultsMax: number
  readonly openMs: number
  onChange(state: CircuitState): void
}

/**
 * A circuit breaker: while it is open, calls are refused at once; then one call probes the upstream (docs/decisions/0006).
 */
export function createCircuit({ clock, faultsMax, openMs, onChange }: CircuitOptions) {
  let state: CircuitState = 'closed'
  let faults = 0
  let openedAtMs = 0
  let isProbing = false

  function setState(next: CircuitState): void {
    if (next === 'open') openedAtMs = clock.now()
    if (next === state) return
    state = next
    onChange(state)
  }

  function retryAfterMs(): number {
    const elapsedMs = clock.now() - openedAtMs
    // A clock that was set back must not keep the circuit open.
    return elapsedMs < 0 ? 0 : Math.max(0, openMs - elapsedMs)
  }

  return {
    state: () => state,
    /** How long to wait before the next call; 0 for now. */
    retryAfterMs,
    /** Admits a call, or returns undefined. An admitted call must be released. */
    acquire(): CallKind | undefined {
      if (state === 'closed') return 'call'
      if (isProbing || (state === 'open' && retryAfterMs() > 0)) return undefined
      setState('half-open')
      isProbing = true
      return 'probe'
    },
    release(passage: CallKind, outcome: CallOutcome): void {
      if (passage === 'probe') isProbing = false
      if (outcome === 'responded') {
        faults = 0
        setState('closed')
      } else if (outcome === 'faulted') {
        faults += 1
        // Earlier calls may still fail while the circuit is open; they change nothing.
        const isProbeOfNow = passage === 'probe' && state === 'half-open'
        if (isProbeOfNow || (state === 'closed' && faults >= faultsMax)) setState('open')
      }
    },
  }
}
