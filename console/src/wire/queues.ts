import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Instant } from './held.ts'

/** A figure that the broker does not have is null. */
const Figure = Type.Union([Type.Number(), Type.Null()])

export const QueueSummary = Type.Object({
  name: Type.String(),
  /** The kind of broker, and its URL without a password. */
  broker: Type.String(),
  url: Type.String(),
  /** The service that consumes it. */
  service: Type.String(),
  /** The figures of a broker that does not respond are null, and `fault` is the reason. */
  live: Figure,
  dead: Figure,
  oldestAgeMs: Figure,
  /** Per second, from metrics of the last minute. */
  published: Figure,
  done: Figure,
  failed: Figure,
  fault: Type.Union([Type.String(), Type.Null()]),
})
export type QueueSummary = Static<typeof QueueSummary>

/** `GET /api/queues` */
export const QueueList = Type.Object({ data: Type.Array(QueueSummary) })
export type QueueList = Static<typeof QueueList>

export const QueueMessage = Type.Object({
  /** Where it is in the queue, for `after`. */
  position: Type.Number(),
  id: Type.String(),
  key: Type.String(),
  at: Type.Union([Instant, Type.Null()]),
  attempts: Figure,
  /** Why it became a dead letter; null for a live one. */
  reason: Type.Union([Type.String(), Type.Null()]),
  /** The first 2 KiB, unless the request is for the whole body. */
  body: Type.String(),
  bodyBytes: Type.Integer(),
  headers: Type.Record(Type.String(), Type.String()),
  /** Of the request that published it; empty where it has none. */
  traceId: Type.String(),
})
export type QueueMessage = Static<typeof QueueMessage>

/** `POST /api/queues/:name/look { limit?, after?, reason?, whole?: id }`: a POST, since looking takes messages and returns them on some brokers. */
export const LookRequest = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200 })),
  after: Type.Optional(Type.Number({ minimum: 0 })),
  /** Only dead letters of this reason. */
  reason: Type.Optional(Type.String({ maxLength: 8192 })),
  whole: Type.Optional(Type.String({ maxLength: 255 })),
})
export type LookRequest = Static<typeof LookRequest>
export const QueueMessages = Type.Object({
  data: Type.Array(QueueMessage),
  next: Type.Union([Type.Number(), Type.Null()]),
  /** What looking did to the queue, in a sentence; null where it did nothing. */
  effect: Type.Union([Type.String(), Type.Null()]),
})
export type QueueMessages = Static<typeof QueueMessages>

/** `POST /api/queues/:name/reasons` on a queue of dead letters: its letters, by why they are there. */
export const DeadLetterGroups = Type.Object({
  data: Type.Array(
    Type.Object({
      reason: Type.String(),
      count: Type.Integer(),
      /** When the first and the last of them became dead letters; null where no letter has a time. */
      firstAt: Type.Union([Instant, Type.Null()]),
      lastAt: Type.Union([Instant, Type.Null()]),
    }),
  ),
  /** How many there are in all; above 10,000 the groups are those of the oldest 10,000. */
  total: Type.Integer(),
  seen: Type.Integer(),
  effect: Type.Union([Type.String(), Type.Null()]),
})
export type DeadLetterGroups = Static<typeof DeadLetterGroups>

/**
 * `POST /api/queues/:name/replay` and `/drop`, with one of `ids`, `reason` and `all`: `expect` is the number of letters that the client was
 * shown for this choice, without `first`. Where it is another one meanwhile the response is 412, and nothing has happened.
 */
export const MoveRequest = Type.Object({
  ids: Type.Optional(Type.Array(Type.String({ maxLength: 255 }), { minItems: 1, maxItems: 10_000 })),
  reason: Type.Optional(Type.String({ maxLength: 8192 })),
  all: Type.Optional(Type.Literal(true)),
  first: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
  perSecond: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
  expect: Type.Integer({ minimum: 0 }),
})
export type MoveRequest = Static<typeof MoveRequest>

/** What has become of the letters of a replay or a drop: `GET /api/queues/moves/:id`. */
export const Move = Type.Object({
  id: Type.String(),
  queue: Type.String(),
  kind: Type.Enum(['replay', 'drop']),
  at: Instant,
  /** How many were put back or removed so far, of how many. */
  moved: Type.Integer(),
  of: Type.Integer(),
  /** Of those put back: handled, dead again, and neither so far. */
  done: Type.Integer(),
  deadAgain: Type.Integer(),
  waiting: Type.Integer(),
  /** The reasons of those that are dead again, with their numbers. */
  reasons: Type.Record(Type.String(), Type.Integer()),
  isOver: Type.Boolean(),
  /** The sentence of the outcome, such as "37 put back: 36 done, 1 dead again (same reason)". */
  outcome: Type.String(),
})
export type Move = Static<typeof Move>
