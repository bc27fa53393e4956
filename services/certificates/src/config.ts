import { keyedSchemes } from '@quintet/chassis/queue'
import { topology } from '@quintet/contracts/topology'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import {
  cacheUrl,
  commonSettings,
  count,
  engineUrl,
  httpUrl,
  milliseconds,
  port,
  sharedDatabases,
  withRule,
} from '@quintet/chassis/config'
import { keyFaults, keyPattern } from './keyring.ts'

const settings = Type.Object({
  ...commonSettings,
  CERTIFICATES_PORT: port(9000, 'Port of the certificates service; 0 for any free one.'),
  GATEWAY_PORT: port(topology.gateway.port, 'Port of the gateway, whose documentation this one links to.'),
  CERTIFICATES_DATABASE_URL: engineUrl({
    default: 'sqlite:{DATA_DIR}/certificates.db',
    schemes: ['sqlite:', 'postgres:', 'postgresql:'],
    description:
      'The database of users and certificates: sqlite:file, or postgres://user:password@host/database.',
  }),
  CACHE_URL: cacheUrl,
  CERTIFICATES_QUEUE_URL: engineUrl({
    default: 'sqlite:{DATA_DIR}/queue.db',
    schemes: keyedSchemes,
    description:
      'The queue of the notifications: sqlite:file, amqp://user:password@host for RabbitMQ, or kafka://host:9092,host:9092.',
  }),
  CERTIFICATES_KEY: Type.String({
    default: '',
    secret: true,
    pattern: `^[\\s,]*(${keyPattern}([\\s,]+${keyPattern})*[\\s,]*)?$`,
    expected:
      'keys of 32 bytes in hexadecimal or base64, separated by commas or line breaks, the current one first',
    description:
      'Keys that encrypt the private keys, 32 bytes each in hexadecimal or base64, separated by commas or line breaks; the first is the current one. Without a key an embedded database gets one, generated in DATA_DIR.',
  }),
  CERTIFICATES_POLICY: Type.Union([Type.Literal('opaque'), Type.Literal('auto'), Type.Literal('strict')], {
    default: 'auto',
    description:
      'Whether bodies are parsed as X.509: opaque never, auto if they are X.509, strict rejects all others.',
  }),
  CERTIFICATES_NOTIFY_URL: httpUrl({
    default: '',
    pattern: '^(https?://[^\\s/@?#]+([/?]\\S*)?)?$',
    expected: 'a URL that starts with http:// or https:// and has no user name',
    hasSecretPath: true,
    description: 'The URL that notifications are posted to; without it they are logged as skipped.',
  }),
  CERTIFICATES_NOTIFY_SECRET: Type.String({
    default: '',
    secret: true,
    pattern: '^(.{16,})?$',
    expected: 'a text of at least 16 characters',
    description: 'The secret that notifications are signed with; required if CERTIFICATES_NOTIFY_URL is set.',
  }),
  CERTIFICATES_NOTIFY_TIMEOUT_MS: milliseconds(5_000, {
    minimum: 10,
    maximum: 8_000,
    description: 'The timeout of a request to the receiver of notifications.',
  }),
  CERTIFICATES_NOTIFY_ATTEMPTS_MAX: count(36, {
    minimum: 1,
    maximum: 1_000,
    description:
      'The maximum of delivery attempts; the pauses grow from a second to an hour, and 36 attempts take a day.',
  }),
})

export type CertificatesConfig = Static<typeof certificatesSettings>
export const certificatesSettings = withRule(settings, (values) => [
  ...keyFaults(values),
  ...receiverFaults(values),
  ...databaseFaults(values),
])

function databaseFaults({
  CERTIFICATES_DATABASE_URL,
  CERTIFICATES_QUEUE_URL,
}: Partial<Static<typeof settings>>): string[] {
  const urls = { CERTIFICATES_DATABASE_URL, CERTIFICATES_QUEUE_URL }
  return sharedDatabases(urls, (name) => name === 'CERTIFICATES_DATABASE_URL')
}

function receiverFaults({
  CERTIFICATES_NOTIFY_URL: url,
  CERTIFICATES_NOTIFY_SECRET: secret,
}: Partial<Static<typeof settings>>): string[] {
  return url && secret === '' ? ['CERTIFICATES_NOTIFY_SECRET must be set if CERTIFICATES_NOTIFY_URL is.'] : []
}
