import type { AppError } from '@quintet/chassis/errors'
import { createPromptLane, createSlowLane } from '@quintet/chassis/concurrency'
import type { Lane, Member } from '@quintet/chassis/concurrency'
import { clientShareUsed, overloaded } from './upstream-problems.ts'

export type CapacityOptions = {
  readonly service: string
  readonly inFlightMax: number
  readonly clientSharePercent: number
  /** Requests with large bodies and responses that are read slowly. */
  readonly slowMax: number
  /** Responses of server-sent events. */
  readonly streamsMax: number
}

/** A request that has a place, or had one. */
export interface Holder extends Member {
  /** The lane of its place; set by `Capacity` alone. */
  lane: Lane | undefined
}

export type Capacity = ReturnType<typeof createCapacity>

/**
 * Limits the requests in flight to a service, in a lane each for those at the pace of the service, those at the pace of their
 * client, and streams, so that slow clients do not affect others.
 */
export function createCapacity({ service, clientSharePercent, ...max }: CapacityOptions) {
  const prompt = createPromptLane({ max: max.inFlightMax, sharePercent: clientSharePercent })
  const streams = createPromptLane({ max: max.streamsMax, sharePercent: clientSharePercent })
  const slow = createSlowLane(max.slowMax)

  function refusalOf(lane: Lane, limit: number, client: string): AppError | undefined {
    const reason = lane.refusal(client)
    if (reason === undefined) return undefined
    return reason === 'full' ? overloaded(service, limit) : clientShareUsed(service)
  }

  function move(holder: Holder, next: Lane | undefined): void {
    holder.lane?.leave(holder)
    holder.lane = next
    next?.enter(holder)
  }

  return {
    inFlight: () => prompt.count() + slow.count() + streams.count(),
    /** Why a request of this client is refused; undefined if it is not. */
    refusal: (client: string) => refusalOf(prompt, max.inFlightMax, client),
    /** Takes a place; a request with a large body is in the lane of slow ones from the start. */
    enter(holder: Holder, isLarge: boolean): void {
      move(holder, isLarge ? slow : prompt)
    },
    /** Moves the request to the lane of slow ones, because the client reads its response slowly. */
    slowDown(holder: Holder): void {
      if (holder.lane === prompt) move(holder, slow)
    },
    /** The response is an endless stream. Throws AppError where there are too many. */
    stream(holder: Holder): void {
      const refusal = refusalOf(streams, max.streamsMax, holder.client)
      if (refusal !== undefined) throw refusal
      move(holder, streams)
    },
    leave(holder: Holder): void {
      move(holder, undefined)
    },
  }
}
