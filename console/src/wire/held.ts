import { Type } from 'typebox'
import type { Static } from 'typebox'

/** Milliseconds since 1970. */
export const Instant = Type.Number({ minimum: 0 })
/** How much of everything a list shows: nothing is left out without a figure. */
export const Held = Type.Object({
  /** How many that match the request are kept. */
  kept: Type.Integer({ minimum: 0 }),
  /** How many there have been; null where nobody has counted them. */
  of: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]),
  /** When the oldest that is kept was; null where nothing is. */
  oldestAt: Type.Union([Instant, Type.Null()]),
  /** True where a search ended before it had seen everything, after 2 s. */
  stopped: Type.Boolean(),
})
export type Held = Static<typeof Held>

export const cursor = Type.String({ maxLength: 200 })
