import type { Clock } from '../clock/index.ts'

/** What of the traces of a process is recorded. */
type SamplingSettings = {
  /** How many traces a second each route may begin, and five times as many the process; 0 for none. */
  readonly perSecond: number
  /** A request that takes longer is kept. */
  readonly slowMs: number
}

const perProcess = 5
/** A route that has failed, or was slow, has a larger share for a while, so that its next failure is seen with all of its spans. */
const attention = { factor: 5, forMs: 10_000 }
/** By how much the shares grow for traces that callers sample, and no more: else any client could turn recording on. */
const sampledFactor = 2
/** Requests a second that are kept because of their end, although nothing of them was recorded. */
const unrecordedMax = 100

/** What was taken in a second. Reservoirs are bounded by time and not by share, so that their cost does not grow with the load. */
type Reservoir = { second: number; taken: number }

/** The share of one route. */
export type RouteShare = Reservoir & { attentiveUntilMs: number }

export type Sampler = ReturnType<typeof createSampler>

/** Decides at the beginning of a request whether it is recorded, and at its end whether it is kept anyway. One for a process. */
export function createSampler({ perSecond }: Pick<SamplingSettings, 'perSecond'>, durations: Clock) {
  const all: Reservoir = { second: 0, taken: 0 }
  const unrecorded: Reservoir = { second: 0, taken: 0 }

  return {
    route: (): RouteShare => ({ second: 0, taken: 0, attentiveUntilMs: Number.NEGATIVE_INFINITY }),
    /** Whether a request of this route is recorded; what its caller does is undefined where its trace begins here. */
    admits(route: RouteShare, isSampledByCaller: boolean | undefined): boolean {
      if (isSampledByCaller === false || perSecond === 0) return false
      const now = durations.now()
      const second = Math.floor(now / 1_000)
      const factor = isSampledByCaller === true ? sampledFactor : 1
      const share = now < route.attentiveUntilMs ? perSecond * attention.factor : perSecond
      return take(route, second, share * factor) && take(all, second, perSecond * perProcess * factor)
    },
    /** A request of the route has failed or was slow. */
    attend(route: RouteShare): void {
      route.attentiveUntilMs = durations.now() + attention.forMs
    },
    /** Whether one more request may be kept of which nothing was recorded. */
    mayKeep: () => take(unrecorded, Math.floor(durations.now() / 1_000), unrecordedMax),
  }
}

function take(reservoir: Reservoir, second: number, max: number): boolean {
  if (reservoir.second !== second) {
    reservoir.second = second
    reservoir.taken = 0
  }
  if (reservoir.taken >= max) return false
  reservoir.taken += 1
  return true
}
