import type { Clock } from '@quintet/chassis/clock'
import { createFaultWindow } from './fault-window.ts'

export type CircuitState = 'closed' | 'open' | 'half-open'

type CircuitOptions = {
  readonly clock: Clock
  /** Consecutive faults that open the circuit. */
  readonly faultsMax: number
  /** The share of faults among the calls of ten seconds that opens the circuit. */
  readonly faultPercent: number
  /** How long after it has opened, and after the begin of each probe, the next probe begins. */
  readonly openMs: number
  onChange(state: CircuitState): void
}

/** Probes of a service that does not respond, so that the next one does not wait until the last has timed out. */
const probesInFlightMax = 4

/**
 * A circuit breaker: while it is not closed, no call is made. It closes only by a probe, which is never a client's call
 * (docs/decisions/0006).
 */
export function createCircuit({ clock, faultsMax, faultPercent, openMs, onChange }: CircuitOptions) {
  const recent = createFaultWindow(clock)
  let state: CircuitState = 'closed'
  let consecutive = 0
  let probesInFlight = 0
  /** Since it was opened, or the last probe began. */
  let waitsSinceMs = 0

  function setState(next: CircuitState): void {
    state = next
    onChange(state)
  }

  function open(): void {
    waitsSinceMs = clock.now()
    recent.clear()
    setState('open')
  }

  function retryAfterMs(): number {
    const elapsedMs = clock.now() - waitsSinceMs
    // A clock that was set back must not keep the circuit open.
    return elapsedMs < 0 ? 0 : Math.max(0, openMs - elapsedMs)
  }

  return {
    state: () => state,
    /** How long to wait before the next probe; 0 for now. */
    retryAfterMs,
    /** A call got a response, of any status. Calls that end while the circuit is not closed change nothing. */
    responded(): void {
      if (state !== 'closed') return
      consecutive = 0
      recent.record(false)
    },
    /** A call failed by a fault of the upstream. */
    faulted(): void {
      if (state !== 'closed') return
      consecutive += 1
      recent.record(true)
      if (consecutive >= faultsMax || recent.isOver(faultPercent)) open()
    },
    /** Whether a probe is to begin now; if so, `probed` must follow. */
    beginProbe(): boolean {
      if (state === 'closed' || retryAfterMs() > 0 || probesInFlight >= probesInFlightMax) return false
      probesInFlight += 1
      waitsSinceMs = clock.now()
      if (state === 'open') setState('half-open')
      return true
    },
    /**
     * The outcome of a probe. The first that got a response closes the circuit, and the last that got none opens it again. Until
     * the first response to a call, a single fault opens it again.
     */
    probed(hasResponded: boolean): void {
      probesInFlight -= 1
      if (state !== 'half-open') return
      if (hasResponded) {
        consecutive = faultsMax - 1
        setState('closed')
      } else if (probesInFlight === 0) setState('open')
    },
  }
}
