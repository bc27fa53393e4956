import { invalid } from '@quintet/chassis/errors'
import { rowAccessOf } from '@quintet/chassis/guard'
import { decodeCursor, encodeCursor, pageSize, problems } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { parseId, readPage, rowList, sendList } from '@quintet/chassis/resource'
import type { Step } from '@quintet/chassis/resource'
import { Type } from 'typebox'
import type { ExpiryPosition } from './certificate-store.ts'
import { certificateText, expiringCertificateText } from './certificate-text.ts'
import { isCalendarDate, readInstant } from './instant.ts'
import { rightToRead } from './rights.ts'
import { wrongValueCode } from './route-parts.ts'
import type { Parts } from './route-parts.ts'
import {
  ExpiringCertificateBody,
  ExpiringQuery,
  instantExpected,
  ListedCertificateBody,
  UserCertificatesQuery,
  UserPath,
} from './schemas.ts'
import { userNotFound } from './user-store.ts'

const tags = ['certificates']

export function certificateListRoutes(app: App, { users, certificates }: Parts): void {
  app.get(
    '/users/:id/certificates',
    {
      schema: {
        tags,
        operationId: 'listCertificatesOfUser',
        summary: 'List the certificates of a user, oldest first',
        description: 'All certificates of the user, or only the active ones, page by page.',
        params: UserPath,
        querystring: UserCertificatesQuery,
        response: { 200: Type.Array(ListedCertificateBody), ...problems(404, 422) },
      },
    },
    async (request, reply) => {
      const userId = parseId(request.params.id, userNotFound)
      const page = readPage(request.query, { code: wrongValueCode })
      await users.expect(userId, rightToRead(request))
      const onlyActive = request.query.active === 'true'
      const read = (part: Step & { after: number }) =>
        certificates.listOfUser({ userId, onlyActive, ...part })
      await sendList(request, reply, rowList(page, { read, textOf: certificateText, numberOf }))
    },
  )

  app.get(
    '/certificates',
    {
      schema: {
        tags,
        operationId: 'listCertificates',
        summary: 'List the X.509 certificates of all users by their expiry, earliest first',
        description:
          'Certificates whose body is not X.509 have no expiry, and are not listed. Where clients are authenticated, only those of their own users are listed.',
        querystring: ExpiringQuery,
        response: { 200: Type.Array(ExpiringCertificateBody), ...problems(422) },
      },
    },
    async (request, reply) => {
      const { limit = pageSize, cursor, expiring_before: before } = request.query
      const [notAfter, id] =
        cursor === undefined ? firstPosition : decodeCursor(cursor, ['time', 'integer'], wrongValueCode)
      const start = { notAfter: Number(notAfter), id: Number(id) }
      const { readsAll, owner } = rowAccessOf(request.raw)
      const filter = { before: instantOf(before), ...(!readsAll && { owner }) }
      await sendList(request, reply, {
        limit,
        start,
        read: (after: ExpiryPosition, step) => certificates.listExpiring({ ...filter, after, ...step }),
        textOf: (row) => (row.is_orphan === 1 ? undefined : expiringCertificateText(row)),
        positionOf: ({ not_after, id }) => ({ notAfter: Number(not_after), id }),
        cursorOf: ({ notAfter, id }) => encodeCursor([notAfter, id]),
      })
    },
  )
}

const numberOf = ({ id }: { id: number }) => id

/** Before any position in the list: the smallest expiry and id. */
const firstPosition = [Number.MIN_SAFE_INTEGER, 0] as const

/** Without a text, later than any. */
function instantOf(text: string | undefined): number {
  if (text === undefined) return Number.MAX_SAFE_INTEGER
  const instant = readInstant(text)
  if (instant !== undefined) return instant
  const [date] = /^\d{4}-\d\d-\d\d/.exec(text) ?? []
  const isNone = date !== undefined && !isCalendarDate(date)
  const fault = isNone
    ? `expiring_before must be a date that exists, but there is no ${date}.`
    : instantExpected
  throw invalid({ expiring_before: fault }, wrongValueCode)
}
