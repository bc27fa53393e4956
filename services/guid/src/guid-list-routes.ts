import { decodeCursor, encodeCursor, pageSize, problems } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { sendList } from '@quintet/chassis/resource'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import type { CachedGuidStore } from './cached-guid-store.ts'
import { entryOf, textOf } from './guid.ts'
import type { GuidPage } from './port.ts'
import { GuidBody, GuidQuery } from './schemas.ts'

/** GET of GUIDs, in pages. */
export function guidListRoutes(app: App, { guids }: { guids: CachedGuidStore }): void {
  app.get(
    '/guids',
    {
      schema: {
        tags: ['guid'],
        operationId: 'listGuids',
        summary: 'List GUIDs in the order of their expiry',
        description:
          'All GUIDs that have not expired, or those of one user, or those that expire before a time; page by page.',
        querystring: GuidQuery,
        response: { 200: Type.Array(GuidBody), ...problems(400) },
      },
    },
    (request, reply) => {
      const { after: start, ...page } = readPage(request.query, guids.idKind)
      return sendList(request, reply, {
        limit: page.limit,
        start,
        read: (after: GuidPage['after'], { limit }) =>
          guids.list({ ...page, limit, ...(after !== undefined && { after }) }),
        textOf: (row) => (guids.isLive(row) ? textOf(row.guid, entryOf(row)) : undefined),
        positionOf: ({ expire, id }) => ({ expire, id }),
        cursorOf: (last) => encodeCursor(last === undefined ? [] : [last.expire, last.id]),
      })
    },
  )
}

function readPage(
  { limit, cursor, user, expiring_before: before }: Static<typeof GuidQuery>,
  idKind: 'integer' | 'guid',
): GuidPage {
  const [expire, id] = cursor === undefined ? [] : decodeCursor(cursor, ['time', idKind])
  return {
    limit: limit ?? pageSize,
    ...(user !== undefined && { user }),
    ...(before !== undefined && { expiringBefore: Number(before) }),
    ...(id !== undefined && { after: { expire: Number(expire), id } }),
  }
}
