import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { AppError, invalid } from '@quintet/chassis/errors'
import { etagOf, problems, sendJson, sendRepresentation } from '@quintet/chassis/http'
import type { App, FastifyRequest } from '@quintet/chassis/http'
import { withId } from '@quintet/chassis/idempotency'
import type { RecordedResponse, ResponseRecorder } from '@quintet/chassis/idempotency'
import { changeIfMatch, createdResponse, parseId, pendingId } from '@quintet/chassis/resource'
import { Type } from 'typebox'
import { certificateRefOf } from './certificate-path.ts'
import { certificateNotFound } from './certificate-store.ts'
import type { Certificate } from './certificate-store.ts'
import { certificateText } from './certificate-text.ts'
import type { CertificateRef } from './database.ts'
import { holdsPrivateKey } from './private-key-search.ts'
import { rightToChange, rightToRead } from './rights.ts'
import type { Right } from './rights.ts'
import type { Parts } from './route-parts.ts'
import {
  ActiveBody,
  ActiveChange,
  CertificateBody,
  CertificateIdBody,
  CertificatePath,
  NewCertificate,
  UserPath,
} from './schemas.ts'
import type { PrivateKeyDer } from './supported-key.ts'
import { userNotFound } from './user-store.ts'
import { findPrivateKey, inspect } from './x509.ts'

const tags = ['certificates']

export function certificateRoutes(app: App, parts: Parts): void {
  const { certificates } = parts
  addingRoute(app, parts)

  app.get(
    '/users/:id/certificates/:cid',
    {
      schema: {
        tags,
        operationId: 'getCertificate',
        summary: 'Get a certificate, with its X.509 fields if it has any',
        description:
          '`x509` is present if the body is an X.509 certificate. The private key is never returned.',
        params: CertificatePath,
        response: { 200: CertificateBody, ...problems(404, 412) },
      },
    },
    async (request, reply) => {
      const row = await certificates.find(certificateRefOf(request.params), rightToRead(request))
      sendRepresentation(reply, etagOf(row.version), certificateText(row))
    },
  )

  const suffixes = { changeCertificate: '', setCertificateActive: '/active' }
  for (const [operationId, suffix] of Object.entries(suffixes))
    app.patch(
      `/users/:id/certificates/:cid${suffix}`,
      {
        schema: {
          tags,
          operationId,
          summary: 'Activate or deactivate a certificate',
          description:
            'With `notify` the receiver of notifications is notified, later if it is down. The other members of the representation may be sent with it, as they are.',
          params: CertificatePath,
          body: ActiveChange,
          response: { 202: ActiveBody, ...problems(400, 404, 412, 422, 503) },
        },
      },
      async (request, reply) => {
        const { active, notify = false, ...unchanged } = request.body
        const ref = certificateRefOf(request.params)
        const right = rightToChange(request)
        if (Object.keys(unchanged).length > 0)
          refuseOtherValues(await certificates.find(ref, right), unchanged)
        const version = await changeIfMatch(request, precondition(ref, right), (version) =>
          certificates.setActive(ref, { active, notify }, { version, right }),
        )
        reply.code(202).header('etag', etagOf(version))
        sendJson(reply, JSON.stringify({ id: ref.id, active }))
      },
    )

  app.delete(
    '/users/:id/certificates/:cid',
    {
      schema: {
        tags,
        operationId: 'deleteCertificate',
        summary: 'Delete a certificate and its private key',
        description:
          'Deletes the certificate with its private key and the log of its notifications. Notifications that are not delivered yet still are.',
        params: CertificatePath,
        response: { 204: Type.Null({ description: 'Deleted' }), ...problems(404, 412) },
      },
    },
    async (request, reply) => {
      const ref = certificateRefOf(request.params)
      const right = rightToChange(request)
      const remove = (version?: number) => certificates.delete(ref, { version, right })
      await changeIfMatch(request, precondition(ref, right), remove)
      reply.code(204).send(null)
    },
  )

  function precondition(ref: CertificateRef, right: Right) {
    return { noun: 'certificate', notFound: certificateNotFound, find: () => certificates.find(ref, right) }
  }
}

/** What a GET returned may be sent back; only `active` can be changed. */
function refuseOtherValues(stored: Certificate, given: Readonly<Record<string, unknown>>): void {
  const { id, user_id, body, x509 } = stored
  const values: Readonly<Record<string, unknown>> = {
    id,
    user_id,
    body,
    x509: x509 === null ? undefined : JSON.parse(x509),
  }
  const names = Object.keys(given).filter((name) => !isDeepStrictEqual(given[name], values[name]))
  if (names.length > 0)
    throw invalid(
      Object.fromEntries(
        names.map((name) => [name, `${name} must be that of the certificate, or be left out.`]),
      ),
    )
}

function addingRoute(app: App, { users, certificates, idempotency, envelopes, policy }: Parts): void {
  app.post(
    '/users/:id/certificates',
    {
      attachValidation: true, // The handler checks the base64.
      schema: {
        tags,
        operationId: 'addCertificate',
        summary: 'Add a certificate with its private key',
        supports: ['Idempotency-Key'],
        description:
          'The private key is stored encrypted and never returned. If the body is X.509, the key must belong to it.',
        params: UserPath,
        body: NewCertificate,
        response: { 201: CertificateIdBody, ...problems(400, 404, 422, 503) },
      },
    },
    (request, reply) => {
      const { secret, key, active, body } = readNewCertificate(request)
      const userId = parseId(request.params.id, userNotFound)
      const right = rightToChange(request)
      async function add(record: ResponseRecorder): Promise<RecordedResponse> {
        const inspected = inspect(body, secret, policy, key)
        await users.admit(userId, right)
        const uid = randomUUID()
        const envelope = envelopes.seal(secret, { uid, userId })
        const idsText = `{"id":${pendingId},"user_id":${userId}}`
        const response = createdResponse(`/users/${userId}/certificates`, idsText)
        const certificate = { uid, userId, active, body, envelope, inspected }
        return withId(response, await certificates.create(certificate, record(response)))
      }
      const find = async () => {
        await users.expect(userId, right)
        return {}
      }
      return idempotency.once(request, reply, add, { find })
    },
  )
}

/**
 * Checks the base64 here, since a pattern that does takes ten times as long, and that the body holds no private key; reports both
 * together with the errors of the schema.
 */
function readNewCertificate(request: FastifyRequest<{ Body: NewCertificate }>) {
  const { validationError, body } = request
  if (validationError !== undefined && !(validationError instanceof AppError)) throw validationError
  const faults: Readonly<Record<string, string>> = validationError?.errors ?? {}
  const text: unknown = body?.private_key
  const secret = Buffer.from(typeof text === 'string' ? text : '', 'base64')
  const key = findPrivateKey(secret)
  const errors = {
    ...faults,
    ...((faults.private_key === notBase64 || (faults.private_key === undefined && !isBase64(text))) && {
      private_key: encodingFault(String(text)),
    }),
    ...(faults.body === undefined &&
      isKey(body?.body, secret, key) && {
        body: 'body must not contain a private key, since it is returned.',
      }),
  }
  if (validationError === undefined && Object.keys(errors).length === 0) return { ...body, secret, key }
  throw new AppError(validationError?.code ?? 'unprocessable', Object.values(errors).join(' '), { errors })
}

const notBase64 = 'private_key must be base64.'

/** Where the key is in another common encoding, the message names that, and how to convert it. */
function encodingFault(text: string): string {
  const encoding = otherEncodings.find(({ form }) => form.test(text))
  return encoding === undefined ? notBase64 : `private_key must be base64, but is ${encoding.advice}.`
}

const otherEncodings: readonly { readonly form: RegExp; readonly advice: string }[] = [
  {
    form: /-----BEGIN /,
    advice:
      'PEM: encode the whole text, with its lines of dashes, in base64 once more, as the command base64 does with the file',
  },
  { form: /^data:/, advice: 'a data URL: leave out all up to the comma' },
  {
    form: /^(?=[A-Za-z\d]*[-_])[\w-]+={0,2}$/,
    advice: 'base64url: write + for - and / for _, and fill the last four characters with =',
  },
]

/** Ignores line breaks, which many tools add, and values that are not text, which the schema rejects. */
function isBase64(text: unknown): boolean {
  if (typeof text !== 'string') return true
  const digits = text.replace(/[\r\n]+/g, '')
  return digits !== '' && digits.length % 4 === 0 && hasZeroPadBits(digits)
}

/** The bits of the last digit that are in no byte are zero in what any encoder makes (RFC 4648, 3.5): another text is damaged. */
function hasZeroPadBits(digits: string): boolean {
  const last = digits.slice(-4)
  return !last.endsWith('=') || Buffer.from(last, 'base64').toString('base64') === last
}

function isKey(text: unknown, secret: Buffer, key: PrivateKeyDer | null): boolean {
  return typeof text === 'string' && holdsPrivateKey(text, secret, key)
}
