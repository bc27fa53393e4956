import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { AppError } from '@quintet/chassis/errors'

/** What an X.509 certificate says of itself, as it is answered; times as RFC 3339 has them. */
export type Description = {
  subject: string
  subject_alternative_names: string[]
  issuer: string
  serial_number: string
  not_before: string
  not_after: string
  key_type: string
  fingerprint_sha256: string
}

/** Whether bodies are looked into: never, when they are X.509, or always, so that what is none is refused. */
export type Policy = 'opaque' | 'auto' | 'strict'

/** What was found in a body; the times are milliseconds. */
export type Inspected = { description: Description; notBeforeMs: number; notAfterMs: number }

/**
 * Looks into a certificate and the private key beside it. What cannot be read stays opaque, unless the policy is strict; a
 * key that can be read must be the certificate's. Refuses what must not be as unprocessable.
 */
export function inspect(body: string, privateKey: Uint8Array, policy: Policy): Inspected | undefined {
  if (policy === 'opaque') return undefined
  const certificate = parseCertificate(body)
  const key = certificate && parsePrivateKey(privateKey)
  if (policy === 'strict') refuseOpaque(certificate, key)
  if (certificate === undefined) return undefined
  if (key !== undefined && attempt(() => certificate.checkPrivateKey(key)) !== true)
    throw unprocessable('private_key', 'does not belong to the certificate in body.')
  return describe(certificate)
}

/** The first certificate of a PEM text, which is the one that the others vouch for, or a DER in base64. */
function parseCertificate(body: string): X509Certificate | undefined {
  const bytes = pemCertificate.test(body) ? body : derOf(body)
  if (bytes === undefined) return undefined
  try {
    const certificate = new X509Certificate(bytes)
    const end = certificate.validToDate.getTime()
    return Number.isFinite(end) && Number.isFinite(certificate.validFromDate.getTime())
      ? certificate
      : undefined
  } catch {
    return undefined
  }
}

/** A private key in PEM or DER; undefined when it is none, or encrypted. */
function parsePrivateKey(bytes: Uint8Array): KeyObject | undefined {
  const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (pemKey.test(key.toString('latin1'))) return attempt(() => createPrivateKey(key))
  if (key[0] !== derSequence) return undefined
  for (const type of ['pkcs8', 'pkcs1', 'sec1'] as const) {
    const parsed = attempt(() => createPrivateKey({ key, format: 'der', type }))
    if (parsed !== undefined) return parsed
  }
  return undefined
}

const pemCertificate = /^\s*-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----|\n-----BEGIN CERTIFICATE-----/
const pemKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----/
const derSequence = 0x30

/** Text of base64 begins with M where the bytes begin with a sequence, which spares most bodies a second look. */
function derOf(body: string): Buffer | undefined {
  const text = body.startsWith('M') ? body.replace(/\s+/g, '') : ''
  return /^M[\w+/-]{60,}={0,2}$/.test(text) ? Buffer.from(text, 'base64') : undefined
}

function refuseOpaque(certificate: X509Certificate | undefined, key: KeyObject | undefined): void {
  if (certificate === undefined) throw unprocessable('body', 'must be an X.509 certificate in PEM or DER.')
  if (key === undefined)
    throw unprocessable('private_key', 'must be an unencrypted private key in PEM or DER.')
}

function unprocessable(field: string, fault: string): AppError {
  const sentence = `${field} ${fault}`
  return new AppError('unprocessable', sentence, { errors: { [field]: sentence } })
}

function describe(certificate: X509Certificate): Inspected {
  const { subject, issuer, serialNumber, subjectAltName, fingerprint256 } = certificate
  const [start, end] = [certificate.validFromDate, certificate.validToDate]
  return {
    description: {
      subject: oneLine(subject),
      subject_alternative_names: splitNames(subjectAltName),
      issuer: oneLine(issuer),
      serial_number: serialNumber,
      not_before: start.toISOString(),
      not_after: end.toISOString(),
      key_type: keyTypeOf(certificate),
      fingerprint_sha256: fingerprint256.replaceAll(':', '').toLowerCase(),
    },
    notBeforeMs: start.getTime(),
    notAfterMs: end.getTime(),
  }
}

/** Node puts each part of a name on a line, and escapes what would be taken for a separator. */
function oneLine(name: string | undefined): string {
  return (name ?? '').split('\n').join(', ')
}

/** Node quotes a name that holds a comma or a quote as JSON does, so commas inside of quotes are part of it. */
function splitNames(names: string | undefined): string[] {
  return (names ?? '').match(/(?:[^,"]|"(?:\\.|[^"\\])*")+/g)?.map((name) => name.trim()) ?? []
}

function keyTypeOf(certificate: X509Certificate): string {
  const key = attempt(() => certificate.publicKey)
  const { modulusLength, namedCurve } = key?.asymmetricKeyDetails ?? {}
  return [key?.asymmetricKeyType ?? 'unknown', modulusLength ?? namedCurve]
    .filter((part) => part !== undefined)
    .join(' ')
}

function attempt<R>(work: () => R): R | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
