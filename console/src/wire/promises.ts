import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Instant } from './held.ts'

export const PromiseCheck = Type.Object({
  /** Such as `ledger`; with the service it identifies the check. */
  id: Type.String(),
  service: Type.String(),
  /** The promise, in a sentence, and its place in docs/guarantees.md. */
  title: Type.String(),
  guarantee: Type.String(),
  verdict: Type.Enum(['kept', 'broken', 'unknown']),
  /** What was looked at and found, in a sentence: "500 accounts at random: each sum is that of its ledger". */
  found: Type.String(),
  /** How many were looked at. */
  sample: Type.Integer({ minimum: 0 }),
  at: Type.Union([Instant, Type.Null()]),
  durationMs: Type.Union([Type.Number(), Type.Null()]),
  /** The command that tries to break it. */
  command: Type.String(),
})
export type PromiseCheck = Static<typeof PromiseCheck>

/** `GET /api/promises`; `POST /api/promises/:service/:id/check` responds with the one, checked anew. */
export const PromiseList = Type.Object({ data: Type.Array(PromiseCheck) })
export type PromiseList = Static<typeof PromiseList>
