import { randomUUID } from 'node:crypto'
import { withId } from '@quintet/chassis/idempotency'
import {
  etagOf,
  jsonType,
  linkToNextPage,
  decodeCursor,
  parseIfMatch,
  problems,
  encodeCursor,
  sendJson,
  sendRepresentation,
} from '@quintet/chassis/http'
import { valuePlaceholder } from '@quintet/chassis/idempotency'
import type { RecordedResponse } from '@quintet/chassis/idempotency'
import type { App, FastifyReply, FastifyRequest } from '@quintet/chassis/http'
import { AppError } from '@quintet/chassis/errors'
import { parseId } from '@quintet/chassis/resource'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import type { Certificate, Place } from './certificate-store.ts'
import { certificateNotFound } from './certificate-store.ts'
import type { Parts } from './route-parts.ts'
import {
  ActiveBody,
  ActiveChange,
  CertificateBody,
  CertificateIdBody,
  CertificatePath,
  ExpiringCertificateBody,
  ExpiringQuery,
  ListedCertificateBody,
  NewCertificate,
  NotificationBody,
  PageQuery,
  UserCertificatesQuery,
  UserPath,
} from './schemas.ts'
import { userNotFound } from './user-store.ts'
import { inspect } from './x509.ts'

const tags = ['certificates']
const pageSize = 100

/** The wire of certificates. */
export function certificateRoutes(app: App, parts: Parts): void {
  const { users, certificates, notifications, idempotency, envelopes, policy } = parts

  app.post(
    '/users/:id/certificates',
    {
      attachValidation: true,
      schema: {
        tags,
        operationId: 'addCertificate',
        summary: 'Add a certificate with its private key',
        description:
          'The private key is kept encrypted and never given back. Where the body is X.509, the key must belong to it.',
        params: UserPath,
        body: NewCertificate,
        response: { 201: CertificateIdBody, ...problems(400, 404, 422, 503) },
      },
    },
    (request, reply) => {
      const { private_key: text, active, body } = readNewCertificate(request)
      return idempotency.once(request, reply, async (record) => {
        const userId = parseId(request.params.id, userNotFound)
        const privateKey = Buffer.from(text, 'base64')
        const inspected = inspect(body, privateKey, policy)
        const uid = randomUUID()
        const envelope = envelopes.seal(privateKey, { uid, userId })
        const answer = created(userId)
        const row = { uid, userId, active, body, envelope, inspected }
        return withId(answer, await certificates.create(row, record(answer)))
      })
    },
  )

  app.get(
    '/users/:id/certificates',
    {
      schema: {
        tags,
        operationId: 'listCertificatesOfUser',
        summary: 'List the certificates of a user, oldest first',
        params: UserPath,
        querystring: UserCertificatesQuery,
        response: { 200: Type.Array(ListedCertificateBody), ...problems(400, 404, 422) },
      },
    },
    async (request, reply) => {
      const userId = parseId(request.params.id, userNotFound)
      const { limit = pageSize, active } = request.query
      await users.expect(userId)
      const page = { userId, onlyActive: active === 'true', after: idBehind(request.query), limit }
      const rows = await certificates.listOfUser(page)
      linkNext(request, reply, limit, rows, ({ id }) => [id])
      sendJson(reply, `[${rows.map(textOf).join(',')}]`)
    },
  )

  app.get(
    '/users/:id/certificates/:cid',
    {
      schema: {
        tags,
        operationId: 'getCertificate',
        summary: 'Get a certificate, with what the X.509 says when it is one',
        params: CertificatePath,
        response: { 200: CertificateBody, ...problems(404) },
      },
    },
    async (request, reply) => {
      const row = await certificates.find(placeOf(request.params))
      sendRepresentation(request, reply, etagOf(row.version), textOf(row))
    },
  )

  const active = { changeCertificate: '', setCertificateActive: '/active' }
  for (const [operationId, below] of Object.entries(active))
    app.patch(
      `/users/:id/certificates/:cid${below}`,
      {
        schema: {
          tags,
          operationId,
          summary: 'Take a certificate into use or out of it',
          description:
            'With `notify` the receiver of notifications is told, now or when it is up again. Understands If-Match.',
          params: CertificatePath,
          body: ActiveChange,
          response: { 202: ActiveBody, ...problems(400, 404, 412, 422, 503) },
        },
      },
      async (request, reply) => {
        const { active, notify = false } = request.body
        const place = placeOf(request.params)
        const versions = parseIfMatch(request.headers['if-match'])
        const version = await certificates.setActive(place, { active, notify }, versions)
        reply.code(202).header('etag', etagOf(version))
        sendJson(reply, JSON.stringify({ id: place.id, active }))
      },
    )

  app.delete(
    '/users/:id/certificates/:cid',
    {
      schema: {
        tags,
        operationId: 'deleteCertificate',
        summary: 'Delete a certificate and its private key',
        description: 'Understands If-Match.',
        params: CertificatePath,
        response: { 204: Type.Null({ description: 'Deleted' }), ...problems(404, 412) },
      },
    },
    async (request, reply) => {
      await certificates.delete(placeOf(request.params), parseIfMatch(request.headers['if-match']))
      reply.code(204).send(null)
    },
  )

  app.get(
    '/users/:id/certificates/:cid/notifications',
    {
      schema: {
        tags,
        operationId: 'listNotifications',
        summary: 'Look at the delivery log of a certificate, oldest first',
        params: CertificatePath,
        querystring: PageQuery,
        response: { 200: Type.Array(NotificationBody), ...problems(400, 404, 422) },
      },
    },
    async (request, reply) => {
      const { limit = pageSize } = request.query
      const { id: certificateId } = await certificates.find(placeOf(request.params))
      const rows = await notifications.list({ certificateId, after: idBehind(request.query), limit })
      linkNext(request, reply, limit, rows, ({ id }) => [id])
      sendJson(reply, JSON.stringify(rows.map(notificationBody)))
    },
  )

  app.get(
    '/certificates',
    {
      schema: {
        tags,
        operationId: 'listCertificates',
        summary: 'List the certificates of all users that are X.509, those that end first before the others',
        querystring: ExpiringQuery,
        response: { 200: Type.Array(ExpiringCertificateBody), ...problems(400, 422) },
      },
    },
    async (request, reply) => {
      const { limit = pageSize, cursor, expiring_before: before } = request.query
      const [notAfter, id] = cursor === undefined ? beforeAll : decodeCursor(cursor, ['number', 'number'])
      const after = { notAfter: Number(notAfter), id: Number(id) }
      const rows = await certificates.listExpiring({ before: instantOf(before), after, limit })
      linkNext(request, reply, limit, rows, (row) => [Number(row.not_after), row.id])
      sendJson(reply, `[${rows.map(expiringTextOf).join(',')}]`)
    },
  )
}

function created(userId: number): RecordedResponse {
  return {
    status: 201,
    headers: {
      'content-type': jsonType,
      location: `/users/${userId}/certificates/${valuePlaceholder}`,
      etag: etagOf(1),
    },
    body: `{"id":${valuePlaceholder},"user_id":${userId}}`,
  }
}

/** The length of base64 is judged here, since a pattern takes ten times as long, and told with all other faults. */
function readNewCertificate(request: FastifyRequest<{ Body: NewCertificate }>): NewCertificate {
  const { validationError, body } = request
  if (validationError !== undefined && !(validationError instanceof AppError)) throw validationError
  const faults = {
    ...(hasBase64Length(body?.private_key) ? {} : { private_key: 'private_key must be base64.' }),
  }
  const errors = { ...faults, ...validationError?.errors }
  if (Object.keys(errors).length === 0) return body
  throw new AppError(validationError?.code ?? 'unprocessable', Object.values(errors).join(' '), { errors })
}

/** Line ends do not count, since tools wrap base64 in lines. What is no text was refused as such. */
function hasBase64Length(text: unknown): boolean {
  return typeof text !== 'string' || (text.trim() !== '' && text.replace(/[\r\n]+/g, '').length % 4 === 0)
}

function placeOf({ id, cid }: Static<typeof CertificatePath>): Place {
  return { userId: parseId(id, certificateNotFound), id: parseId(cid, certificateNotFound) }
}

/** Where a page of rows in the order of their ids begins. */
function idBehind({ cursor }: { cursor?: string }): number {
  return cursor === undefined ? 0 : Number(decodeCursor(cursor, ['number'])[0])
}

const beforeAll = [Number.MIN_SAFE_INTEGER, 0] as const

/** The time that was given as Unix seconds, as a date or in full; the end of time when none was. */
function instantOf(text: string | undefined): number {
  if (text === undefined) return Number.MAX_SAFE_INTEGER
  return /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text.replace(' ', '+'))
}

function linkNext<Row>(
  request: FastifyRequest,
  reply: FastifyReply,
  limit: number,
  rows: readonly Row[],
  keyOf: (row: Row) => (string | number)[],
): void {
  const last = rows.length === limit ? rows.at(-1) : undefined
  if (last !== undefined) reply.header('link', linkToNextPage(request.url, encodeCursor(keyOf(last))))
}

/** What X.509 says is kept as the JSON that it is answered in. */
function textOf({
  id,
  active,
  body,
  x509,
}: Pick<Certificate, 'id' | 'active' | 'body'> & { x509?: string | null }): string {
  const described = x509 ? `,"x509":${x509}` : ''
  return `{"id":${id},"active":${active === 1},"body":${JSON.stringify(body)}${described}}`
}

function expiringTextOf({
  id,
  user_id,
  active,
  x509,
}: Pick<Certificate, 'id' | 'user_id' | 'active' | 'x509'>): string {
  return `{"id":${id},"user_id":${user_id},"active":${active === 1},"x509":${x509}}`
}

type LoggedNotification = Awaited<ReturnType<Parts['notifications']['list']>>[number]

function notificationBody(row: LoggedNotification): Record<string, unknown> {
  const { delivery_id, event, body, status, created_at, attempts } = row
  return {
    id: delivery_id,
    event,
    body: JSON.parse(body),
    status,
    created_at: new Date(created_at).toISOString(),
    attempts: attempts.map(({ at, status, error }) => ({
      at: new Date(at).toISOString(),
      ...(status !== null && { status }),
      ...(error !== null && { error }),
    })),
  }
}
