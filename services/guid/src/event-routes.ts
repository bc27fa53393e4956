import type { IncomingHttpHeaders } from 'node:http'
import { invalid } from '@quintet/chassis/errors'
import { clientNetworkOf, isUnchanged, jsonType, pageSize, problems, qualityOf } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import type { EventStream } from '@quintet/chassis/queue'
import { sendList } from '@quintet/chassis/resource'
import { Type } from 'typebox'
import { createEventResponses, sendHead } from './event-responses.ts'
import { eventList, readEvents } from './events.ts'
import { EventBody, EventQuery } from './schemas.ts'

const mediaType = 'text/event-stream'

/** GET of the changes of GUIDs: a page of them, or as they happen, by server-sent events. */
export function eventRoutes(app: App, { queue }: { queue: Pick<EventStream, 'readStream'> }): void {
  const responses = createEventResponses((after) => readEvents(queue, after))
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
          'The newest 100,000 are kept at least (on Kafka, what the topic keeps). An event may be repeated, under the same `id`. With ' +
          '`Accept: text/event-stream` the response is a stream of server-sent events that does not end: each has its position as id, so that ' +
          'a client that reconnects with `Last-Event-ID` continues where it was. A client may have 16 of them open, then 429. `limit` is for pages only.',
        querystring: EventQuery,
        response: { 200: Type.Array(EventBody), ...problems(400, 429, 503) },
      },
    },
    async (request, reply) => {
      const { limit = pageSize } = request.query
      const after = positionOf(request)
      // What the client has already is 304 for a stream as for a page.
      if (prefersStream(request.headers.accept) && !isUnchanged(request, {})) {
        if (request.query.limit !== undefined)
          throw invalid({ limit: 'limit must be left out for a stream of events, which has no end.' })
        // The framework's fields are not sent with a stream.
        reply.raw.setHeader('x-request-id', request.id)
        return request.method === 'HEAD'
          ? sendHead(reply)
          : responses.send(reply, after, clientNetworkOf(request))
      }
      await sendList(request, reply, eventList(queue, { after, limit }), 'after')
    },
  )
}

function prefersStream(accept = '*/*'): boolean {
  return qualityOf(accept, mediaType) > qualityOf(accept, jsonType)
}

/** Where the client continues: after the last event that it has got, or else after `after`, or from the oldest event on. */
function positionOf({ headers, query }: { headers: IncomingHttpHeaders; query: { after?: number } }): number {
  const last = headers['last-event-id']
  if (last === undefined || last === '') return query.after ?? 0
  const position = typeof last === 'string' && /^\d{1,16}$/.test(last) ? Number(last) : Number.NaN
  if (Number.isSafeInteger(position)) return position
  throw invalid({ 'Last-Event-ID': 'Last-Event-ID must be the id of an event of this stream.' })
}
