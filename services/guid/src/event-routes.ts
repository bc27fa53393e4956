import type { IncomingHttpHeaders } from 'node:http'
import type { Clock } from '@quintet/chassis/clock'
import { invalid } from '@quintet/chassis/errors'
import { rowAccessOf } from '@quintet/chassis/guard'
import { clientNetworkOf, isUnchanged, jsonType, pageSize, problems, qualityOf } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { UnknownPosition } from '@quintet/chassis/queue'
import type { EventStream } from '@quintet/chassis/queue'
import { sendList } from '@quintet/chassis/resource'
import { Type } from 'typebox'
import { createEventResponses, sendHead } from './event-responses.ts'
import { eventList, readEvents } from './events.ts'
import { EventBody, EventQuery } from './schemas.ts'

const mediaType = 'text/event-stream'

/** GET of the changes of GUIDs: a page of them, or as they happen, by server-sent events. */
export function eventRoutes(
  app: App,
  { queue, clock }: { queue: Pick<EventStream, 'readStream'>; clock: Clock },
): void {
  const responses = createEventResponses((after) => readEvents(queue, after), { clock })
  app.addHook('preClose', async () => responses.close())
  app.get(
    '/guid-events',
    {
      config: { mediaTypes: [mediaType] },
      schema: {
        tags: ['guid'],
        operationId: 'listGuidEvents',
        summary: 'List the changes of GUIDs, oldest first',
        description:
          'The newest 100,000 are kept at least (on Kafka, what the topic keeps). An event may be repeated, under the same `id`. A position that ' +
          'no event has had, or that a restore of a backup has undone, is 400, with the last one before it. With ' +
          '`Accept: text/event-stream` the response is a stream of server-sent events: each has its position as id, so that ' +
          'a client that reconnects with `Last-Event-ID` continues where it was, whatever `after` says. It has no end, unless it was opened by a ' +
          'token or an API key: then it ends when that expires, and after five minutes. A client may have 16 of them open, then 429. ' +
          '`Last-Event-ID` is for streams only, and `limit` for pages only.',
        supports: [mediaType],
        querystring: EventQuery,
        response: { 200: Type.Array(EventBody), ...problems(400, 429, 503) },
      },
    },
    async (request, reply) => {
      reply.raw.setHeader('vary', 'Accept')
      const { limit, after = 0 } = request.query
      const access = rowAccessOf(request.raw)
      // A malformed one is a fault of any request, though only streams use it.
      const last = lastEventOf(request)
      // What the client has already is 304 for a stream as for a page.
      if (!prefersStream(request.headers.accept) || isUnchanged(request, {}))
        return sendList(
          request,
          reply,
          eventList(queue, { after, limit: limit ?? pageSize }, access),
          'after',
        )
      if (limit !== undefined)
        throw invalid({ limit: 'limit must be left out for a stream of events, which has no end.' })
      // The framework's fields are not sent with a stream.
      reply.raw.setHeader('x-request-id', request.id)
      const position = last ?? after
      const sending =
        request.method === 'GET'
          ? responses.send(reply, position, clientNetworkOf(request), access)
          : readEvents(queue, position).then(() => sendHead(reply))
      await sending.catch((error: unknown) => {
        throw error instanceof UnknownPosition && last !== undefined
          ? new UnknownPosition(error.last, lastEventField)
          : error
      })
    },
  )
}

function prefersStream(accept = '*/*'): boolean {
  return qualityOf(accept, mediaType) > qualityOf(accept, jsonType)
}

const lastEventField = 'Last-Event-ID'

/** The position of the last event of a stream that the client has got, after which it continues. */
function lastEventOf({ headers }: { headers: IncomingHttpHeaders }): number | undefined {
  const last = headers['last-event-id']
  if (last === undefined || last === '') return undefined
  const position = typeof last === 'string' && /^\d{1,16}$/.test(last) ? Number(last) : Number.NaN
  if (Number.isSafeInteger(position)) return position
  throw invalid({ [lastEventField]: 'Last-Event-ID must be the id of an event of this stream.' })
}
