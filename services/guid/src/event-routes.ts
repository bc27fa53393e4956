import type { IncomingHttpHeaders } from 'node:http'
import { invalid } from '@quintet/chassis/errors'
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
          'The newest 100,000 are kept at least (on Kafka, what the topic keeps). An event may be repeated, under the same `id`. A position that ' +
          'no event has had, or that a restore of a backup has undone, is 400, with the last one before it. With ' +
          '`Accept: text/event-stream` the response is a stream of server-sent events that does not end: each has its position as id, so that ' +
          'a client that reconnects with `Last-Event-ID` continues where it was. A client may have 16 of them open, then 429. `limit` is for pages only.',
        supports: [mediaType],
        querystring: EventQuery,
        response: { 200: Type.Array(EventBody), ...problems(400, 429, 503) },
      },
    },
    async (request, reply) => {
      reply.raw.setHeader('vary', 'Accept')
      const { limit = pageSize } = request.query
      const { after, field } = positionOf(request)
      const rename = (error: unknown) => {
        throw error instanceof UnknownPosition ? new UnknownPosition(error.last, field) : error
      }
      // What the client has already is 304 for a stream as for a page.
      if (prefersStream(request.headers.accept) && !isUnchanged(request, {})) {
        if (request.query.limit !== undefined)
          throw invalid({ limit: 'limit must be left out for a stream of events, which has no end.' })
        // The framework's fields are not sent with a stream.
        reply.raw.setHeader('x-request-id', request.id)
        if (request.method === 'GET')
          return responses.send(reply, after, clientNetworkOf(request)).catch(rename)
        await readEvents(queue, after).catch(rename)
        return sendHead(reply)
      }
      await sendList(request, reply, eventList(queue, { after, limit }), 'after').catch(rename)
    },
  )
}

function prefersStream(accept = '*/*'): boolean {
  return qualityOf(accept, mediaType) > qualityOf(accept, jsonType)
}

/** Where the client continues: after the last event that it has got, or else after `after`, or from the oldest event on. */
function positionOf({ headers, query }: { headers: IncomingHttpHeaders; query: { after?: number } }): {
  after: number
  field: string
} {
  const last = headers['last-event-id']
  if (last === undefined || last === '') return { after: query.after ?? 0, field: 'after' }
  const position = typeof last === 'string' && /^\d{1,16}$/.test(last) ? Number(last) : Number.NaN
  if (Number.isSafeInteger(position)) return { after: position, field: 'Last-Event-ID' }
  throw invalid({ 'Last-Event-ID': 'Last-Event-ID must be the id of an event of this stream.' })
}
