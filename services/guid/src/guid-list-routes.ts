import { rowAccessOf } from '@quintet/chassis/guard'
import type { RowAccess } from '@quintet/chassis/guard'
import { decodeCursor, encodeCursor, pageSize, problems } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { sendList } from '@quintet/chassis/resource'
import type { Step } from '@quintet/chassis/resource'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import type { CachedGuidStore } from './cached-guid-store.ts'
import { entryOf, textOf } from './guid.ts'
import type { GuidPage, ListedGuid } from './port.ts'
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
      const page = readPage(request.query, guids.idKind)
      return sendList(request, reply, guidList(guids, page, rowAccessOf(request.raw)))
    },
  )
}

/** The list of the GUIDs that a client may read. */
export function guidList(guids: CachedGuidStore, { after: start, ...query }: GuidPage, access: RowAccess) {
  const pageOf = (after: Position, { limit }: Step) => ({
    ...query,
    limit,
    ...(after !== undefined && { after }),
  })
  return {
    limit: query.limit,
    start,
    // No index has the GUIDs of a user by owner.
    ...(query.user === undefined || access.readsAll
      ? { read: (after: Position, step: Step) => guids.list(pageOf(after, step), access) }
      : {
          search: (after: Position, step: Step) => guids.search(pageOf(after, step), access),
          resumeAt: resumeWith(guids.idKind),
        }),
    textOf: (row: ListedGuid) => (guids.isLive(row) ? textOf(row.guid, entryOf(row)) : undefined),
    positionOf: ({ expire, id }: ListedGuid): Position => ({ expire, id }),
    cursorOf: (last: Position) => encodeCursor(last === undefined ? [] : [last.expire, last.id]),
  }
}

type Position = GuidPage['after']

/** In seconds, the coarsest first. */
const precisions = [3_600, 60, 1]
const lastIds = { integer: Number.MAX_SAFE_INTEGER, guid: 'F'.repeat(32) }

/**
 * Where a page continues whose search has ended at a GUID that the client may not read: a rounded time, since a cursor with the expiry and
 * the id of that GUID would show both.
 */
function resumeWith(idKind: CachedGuidStore['idKind']) {
  const id = lastIds[idKind]
  return (reached: Position, shown: Position): Position => {
    for (const seconds of precisions) {
      const expire = Math.floor((reached?.expire ?? 0) / seconds) * seconds - 1
      if (shown === undefined || expire > shown.expire || (expire === shown.expire && id !== shown.id))
        return { expire, id }
    }
    return undefined
  }
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
