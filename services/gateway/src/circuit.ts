import type { Clock } from '@quintet/chassis/clock'

export type CircuitState = 'closed' | 'open' | 'half-open'

/** How a call has been let through: as one of many, or as the one that finds out whether the upstream is back. */
export type Passage = 'call' | 'probe'

/** How a call came out: any answer at all, a fault of the upstream, or neither because the client gave up. */
export type Outcome = 'answered' | 'faulted' | 'abandoned'

export type CircuitOptions = {
  readonly clock: Clock
  /** So many faults in a row open the circuit. */
  readonly faultsMax: number
  readonly openMs: number
  onChange(state: CircuitState): void
}

/**
 * A circuit breaker. While it is open nobody waits for an upstream that is not there; then one call finds out.
 *
 * cockatiel's would be cheap enough (0.5 us a call), but while its probe is under way it lets the others queue without
 * bound instead of refusing them, takes a call that the client gave up for a success, and reads the machine's clock.
 */
export function createCircuit({ clock, faultsMax, openMs, onChange }: CircuitOptions) {
  let state: CircuitState = 'closed'
  let faults = 0
  let openedAtMs = 0
  let isProbing = false

  function become(next: CircuitState): void {
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
    /** How long to wait before it is worth asking again; 0 when it is now. */
    retryAfterMs,
    /** Lets a call through, or not. What is let through must `leave`. */
    enter(): Passage | undefined {
      if (state === 'closed') return 'call'
      if (isProbing || (state === 'open' && retryAfterMs() > 0)) return undefined
      become('half-open')
      isProbing = true
      return 'probe'
    },
    leave(passage: Passage, outcome: Outcome): void {
      if (passage === 'probe') isProbing = false
      if (outcome === 'answered') {
        faults = 0
        become('closed')
      } else if (outcome === 'faulted') {
        faults += 1
        // Calls from before may still fail while the circuit is open; that is no news.
        const isProbeOfNow = passage === 'probe' && state === 'half-open'
        if (isProbeOfNow || (state === 'closed' && faults >= faultsMax)) become('open')
      }
    },
  }
}
