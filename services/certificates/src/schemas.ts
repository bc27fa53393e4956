import { pageQuery, text } from '@quintet/chassis/http'
import { Type } from 'typebox'
import type { Static } from 'typebox'

/** Neither white space nor a control character, half of a surrogate pair or `@`; without classes that other languages lack. */
const letter = '^\\s@\\u0000-\\u001f\\u007f-\\u009f\\ud800-\\udfff'

const name = text('name', { minLength: 1, maxLength: 256, description: 'The name of the user.' })

const email = text('email', {
  minLength: 1,
  maxLength: 254,
  description: 'Unique among users, without regard to case.',
  form: { pattern: `^[${letter}]+@[${letter}]+$`, name: 'an email address' },
})

const password = text('password', {
  minLength: 1,
  maxLength: 1_024,
  description: 'Stored as an argon2id hash and never returned.',
})

const bodyLengthMax = 32_768

const body = text('body', {
  minLength: 1,
  maxLength: bodyLengthMax,
  description:
    'An X.509 certificate in PEM, that as base64, or in DER as base64; or any other text. It is returned, so it must hold no private key, in any form.',
})

const privateKey = text('private_key', {
  minLength: 1,
  maxLength: 65_536,
  description:
    'The bytes of the private key in base64: of a key file in PEM, its whole text. Stored encrypted and never returned.',
  form: { pattern: '^[A-Za-z0-9+/\\r\\n]+(?:={1,2}[\\r\\n]*)?$', name: 'base64' },
})

const active = Type.Boolean({
  description: 'Whether the certificate is active.',
  'x-errors': { required: 'active is required.', type: 'active must be true or false.' },
})

export type NewUser = Static<typeof NewUser>
export const NewUser = Type.Object(
  { name, email, password },
  {
    title: 'NewUser',
    additionalProperties: false,
    examples: [{ name: 'John Smith', email: 'jsmith@example.com', password: 'correct horse' }],
  },
)

export type UserPatch = Static<typeof UserPatch>
export const UserPatch = Type.Object(
  {
    id: Type.Optional(Type.Integer({ description: 'Ignored when it is the one in the path.' })),
    name: Type.Optional(name),
    email: Type.Optional(email),
  },
  { title: 'UserPatch', additionalProperties: false, examples: [{ email: 'john.smith@example.com' }] },
)

export type Login = Static<typeof Login>
export const Login = Type.Object(
  { email, password },
  {
    title: 'Login',
    additionalProperties: false,
    examples: [{ email: 'jsmith@example.com', password: 'correct horse' }],
  },
)

export type NewCertificate = Static<typeof NewCertificate>
export const NewCertificate = Type.Object(
  { private_key: privateKey, active, body },
  {
    title: 'NewCertificate',
    additionalProperties: false,
    examples: [{ private_key: 'dGhlIGJ5dGVzIG9mIGEga2V5', active: true, body: 'test body' }],
  },
)

const unchanged = 'Ignored when it is the one of the certificate.'

export type ActiveChange = Static<typeof ActiveChange>
export const ActiveChange = Type.Object(
  {
    id: Type.Optional(Type.Integer({ description: unchanged })),
    user_id: Type.Optional(Type.Integer({ description: unchanged })),
    body: Type.Optional(Type.String({ maxLength: bodyLengthMax, description: unchanged })),
    x509: Type.Optional(Type.Unsafe<object>({ type: 'object', description: unchanged })),
    active,
    notify: Type.Optional(
      Type.Boolean({
        description: 'Whether to notify the receiver of notifications.',
        'x-errors': { type: 'notify must be true or false.' },
      }),
    ),
  },
  { title: 'ActiveChange', additionalProperties: false, examples: [{ active: false, notify: true }] },
)

const id = Type.String({ description: 'An integer.', examples: ['1'] })
export const UserPath = Type.Object({ id })
export const CertificatePath = Type.Object({ id, cid: id })

export const UserCertificatesQuery = Type.Object(
  {
    ...pageQuery,
    active: Type.Optional(
      Type.Union([Type.Literal('true'), Type.Literal('false')], {
        description: 'true lists active certificates only; false and absent list all.',
        'x-errors': { invalid: 'active must be true or false.' },
      }),
    ),
  },
  { additionalProperties: false },
)

export const PageQuery = Type.Object(pageQuery, { additionalProperties: false })

export const instantExpected = 'expiring_before must be Unix time in seconds, a date, or an RFC 3339 time.'

export const ExpiringQuery = Type.Object(
  {
    ...pageQuery,
    expiring_before: Type.Optional(
      Type.String({
        maxLength: 64,
        description:
          'Lists only those that expire before: Unix time in seconds, a date, or an RFC 3339 time.',
        'x-errors': { invalid: instantExpected },
      }),
    ),
  },
  { additionalProperties: false },
)

export const IdBody = Type.Object({ id: Type.Integer() }, { title: 'Id' })

export const UserBody = Type.Object(
  { id: Type.Integer(), name: Type.String(), email: Type.String() },
  { title: 'User' },
)

export const CertificateIdBody = Type.Object(
  { id: Type.Integer(), user_id: Type.Integer() },
  { title: 'CertificateId' },
)

const X509 = Type.Object(
  {
    subject: Type.String(),
    subject_alternative_names: Type.Array(Type.String(), {
      description:
        'Each begins with its kind: DNS:, URI:, email:, IP Address:, DirName:, Registered ID: or othername:, as OpenSSL prints it.',
    }),
    issuer: Type.String(),
    serial_number: Type.String(),
    not_before: Type.String({ format: 'date-time' }),
    not_after: Type.String({ format: 'date-time' }),
    key_type: Type.String(),
    fingerprint_sha256: Type.String(),
  },
  { title: 'X509' },
)

const certificate = { id: Type.Integer(), active: Type.Boolean(), body: Type.String() }
export const ListedCertificateBody = Type.Object(certificate, { title: 'ListedCertificate' })
export const CertificateBody = Type.Object(
  { ...certificate, x509: Type.Optional(X509) },
  { title: 'Certificate' },
)

export const ExpiringCertificateBody = Type.Object(
  { id: Type.Integer(), user_id: Type.Integer(), active: Type.Boolean(), x509: X509 },
  { title: 'ExpiringCertificate' },
)

export const ActiveBody = Type.Object({ id: Type.Integer(), active: Type.Boolean() }, { title: 'Active' })

const instant = Type.String({ format: 'date-time' })
export const NotificationBody = Type.Object(
  {
    id: Type.String({ description: 'The X-Delivery-Id sent to the receiver.' }),
    event: Type.Union([Type.Literal('certificate.active_changed'), Type.Literal('certificate.expiring')]),
    body: Type.Object({}, { description: 'The body sent to the receiver.' }),
    status: Type.Union([
      Type.Literal('pending'),
      Type.Literal('delivered'),
      Type.Literal('failed'),
      Type.Literal('skipped'),
    ]),
    created_at: instant,
    attempts: Type.Array(
      Type.Object({
        at: instant,
        status: Type.Optional(Type.Integer({ description: 'The status of the response.' })),
        error: Type.Optional(Type.String({ description: 'Why there was no response.' })),
      }),
    ),
  },
  { title: 'Notification' },
)

export const HealthBody = Type.Object(
  { api: Type.Literal(1), database: Type.Union([Type.Literal(1), Type.Literal(0)]) },
  { title: 'Health' },
)
