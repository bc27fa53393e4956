import { invalid } from '@quintet/chassis/errors'
import { decodeCursor, pageSize, problems } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { pageText, parseId, readPage, rowsText, sendPage } from '@quintet/chassis/resource'
import { Type } from 'typebox'
import { certificateText, expiringCertificateText } from './certificate-text.ts'
import { readInstant } from './instant.ts'
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
      await users.expect(userId)
      const onlyActive = request.query.active === 'true'
      const rows = await certificates.listOfUser({ userId, onlyActive, ...page })
      sendPage(request, reply, rowsText(rows, page.limit, certificateText))
    },
  )

  app.get(
    '/certificates',
    {
      schema: {
        tags,
        operationId: 'listCertificates',
        summary: 'List the X.509 certificates of all users by their expiry, earliest first',
        description: 'Certificates whose body is not X.509 have no expiry, and are not listed.',
        querystring: ExpiringQuery,
        response: { 200: Type.Array(ExpiringCertificateBody), ...problems(422) },
      },
    },
    async (request, reply) => {
      const { limit = pageSize, cursor, expiring_before: before } = request.query
      const [notAfter, id] =
        cursor === undefined ? firstPosition : decodeCursor(cursor, ['time', 'integer'], wrongValueCode)
      const after = { notAfter: Number(notAfter), id: Number(id) }
      const rows = await certificates.listExpiring({ before: instantOf(before), after, limit })
      const positionOf = ({ not_after, id }: (typeof rows)[number]) => [Number(not_after), id]
      sendPage(request, reply, pageText(rows, limit, expiringCertificateText, positionOf))
    },
  )
}

/** Before any position in the list: the smallest expiry and id. */
const firstPosition = [Number.MIN_SAFE_INTEGER, 0] as const

/** Without a text, later than any. */
function instantOf(text: string | undefined): number {
  if (text === undefined) return Number.MAX_SAFE_INTEGER
  const instant = readInstant(text)
  if (instant === undefined) throw invalid({ expiring_before: instantExpected }, wrongValueCode)
  return instant
}
