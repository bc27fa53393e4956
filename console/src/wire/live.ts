import { Type } from 'typebox'
import type { Static } from 'typebox'
import { LogLine } from './logs.ts'
import { QueueSummary } from './queues.ts'
import { TraceSummary } from './traces.ts'

/**
 * `GET /api/live?topics=map,traces,logs,queues`: server-sent events, at most four a second, each named by its topic. What a slow reader
 * or a flood of events has made it leave out is in `leftOut`.
 */
export const LiveTraces = Type.Object({ data: Type.Array(TraceSummary), leftOut: Type.Integer() })
export type LiveTraces = Static<typeof LiveTraces>
export const LiveLogs = Type.Object({ data: Type.Array(LogLine), leftOut: Type.Integer() })
export type LiveLogs = Static<typeof LiveLogs>
export const LiveQueues = Type.Object({ data: Type.Array(QueueSummary) })
export type LiveQueues = Static<typeof LiveQueues>
