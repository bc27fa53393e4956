import { Type } from 'typebox'
import type { Static } from 'typebox'
import { cursor, Held, Instant } from './held.ts'

export const LogLine = Type.Object({
  id: Type.Integer(),
  at: Instant,
  level: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']),
  service: Type.String(),
  message: Type.String(),
  /** Empty where it has none. */
  traceId: Type.String(),
  requestId: Type.String(),
  /** The whole line, as it was written: JSON, or its first 8 KiB. */
  line: Type.String(),
})
export type LogLine = Static<typeof LogLine>

/**
 * `GET /api/logs?level=&service=&words=&trace=&request=&from=&to=&limit=&cursor=`, newest first; `level` is the least; with
 * `around=<id>` the 50 lines before and after that one, oldest first.
 */
export const LogList = Type.Object({
  data: Type.Array(LogLine),
  next: Type.Union([cursor, Type.Null()]),
  held: Held,
})
export type LogList = Static<typeof LogList>
