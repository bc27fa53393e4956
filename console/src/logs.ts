import { invalid } from '@quintet/chassis/errors'
import { describeOperations, encodeCursor, problems } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { levels } from '@quintet/chassis/telemetry/file'
import { Type } from 'typebox'
import { numbersOf } from './cursors.ts'
import { listQuery, nameQuery, oneOf, requireOrder, rowsOfPage, TraceId } from './list-query.ts'
import { notKept } from './reader.ts'
import type { Reader } from './reader.ts'
import { LogList } from './wire/index.ts'

const operation = describeOperations('logs')
/** Before and after one. */
const linesAround = 50

const LogQuery = Type.Object(
  {
    level: oneOf(levels, 'The least.'),
    service: nameQuery,
    trace: Type.Optional(TraceId),
    request: nameQuery,
    ...listQuery,
    around: Type.Optional(
      Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'The id of a line.' }),
    ),
  },
  { additionalProperties: false },
)

/** Adds the list of those lines of the log that are kept. */
export function addLogs(app: App, { reader }: { readonly reader: Reader }): void {
  app.get(
    '/api/logs',
    operation('listLogs', 'List the lines of the log that are kept', {
      description:
        'The newest first. With `around`, and nothing else, the 50 lines before and after one, the oldest first. A search ends after two seconds with what it has found; of common words fewer lines may be counted than there are, and `stopped` is true.',
      querystring: LogQuery,
      response: { 200: LogList, ...problems(400, 401, 404, 503) },
    }),
    async ({ query }) => {
      if (!reader.keepsTraces) throw notKept()
      const { trace, request, limit = rowsOfPage, cursor, around, from, to, ...filter } = query
      requireOrder({ from, to })
      if (around !== undefined) return contextOf(around, Object.keys(query).length === 1)
      const [before] = cursor === undefined ? [] : numbersOf(cursor, 1)
      const ids = { traceId: trace, requestId: request }
      const { data, next, held } = await reader.call('searchLogs', {
        ...filter,
        ...ids,
        from,
        to,
        limit,
        before,
      })
      return {
        data: [...data],
        next: next === undefined ? null : encodeCursor([next]),
        held: { ...held, of: null },
      }
    },
  )

  async function contextOf(id: number, isAlone: boolean): Promise<LogList> {
    if (!isAlone)
      throw invalid({ around: 'around must be without other filters: its lines are those of all services.' })
    const data = await reader.call('linesAround', id, linesAround)
    const oldestAt = data[0]?.at ?? null
    return { data: [...data], next: null, held: { kept: data.length, of: null, oldestAt, stopped: false } }
  }
}
