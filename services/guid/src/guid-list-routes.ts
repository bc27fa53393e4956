import { rowAccessOf } from '@quintet/chassis/guard'
import { decodeCursor, encodeCursor, pageSize, problems } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { sendList } from '@quintet/chassis/resource'
import type { Step } from '@quintet/chassis/resource'
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
          'All GUIDs that have not expired and that the client may read, or those of one user, or those that expire before a time; page by page.',
        querystring: GuidQuery,
        response: { 200: Type.Array(GuidBody), ...problems(400) },
      },
    },
    (request, reply) => {
      const { after: start, ...query } = readPage(request.query, guids.idKind)
      const access = rowAccessOf(request.raw)
      const pageOf = (after: Position, { limit }: Step) => ({
        ...query,
        limit,
        ...(after !== undefined && { after }),
      })
      return sendList(request, reply, {
        limit: query.limit,
        start,
        // No index has the GUIDs of a user by owner.
        ...(query.user === undefined || access.readsAll
          ? { read: (after: Position, step: Step) => guids.list(pageOf(after, step), access) }
          : { search: (after: Position, step: Step) => guids.search(pageOf(after, step), access) }),
        textOf: (row) => (guids.isLive(row) ? textOf(row.guid, entryOf(row)) : undefined),
        positionOf: ({ expire, id }) => ({ expire, id }),
        cursorOf: (last) => encodeCursor(last === undefined ? [] : [last.expire, last.id]),
      })
    },
  )
}

type Position = GuidPage['after']

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
