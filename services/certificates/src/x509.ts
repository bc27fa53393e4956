import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { AppError } from '@quintet/chassis/errors'

/** The fields of an X.509 certificate as they are returned to clients; times are RFC 3339. */
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

/** Whether bodies are parsed as X.509: never; if possible; or always, so that all others are rejected. */
export type Policy = 'opaque' | 'auto' | 'strict'

/** The result of parsing a body; times are milliseconds. */
export type Inspection = { description: Description; notBeforeMs: number; notAfterMs: number }

/**
 * Parses a certificate and its private key. What cannot be parsed is opaque, which the strict policy rejects; a key that can
 * be parsed must belong to the certificate. Throws `unprocessable`.
 */
export function inspect(body: string, privateKey: Uint8Array, policy: Policy): Inspection | undefined {
  if (policy === 'opaque') return undefined
  const certificate = parseCertificate(body)
  const key = certificate && parsePrivateKey(privateKey)
  if (policy === 'strict') refuseOpaque(certificate, key)
  if (certificate === undefined) return undefined
  if (key !== undefined && tryParse(() => certificate.checkPrivateKey(key)) !== true)
    throw unprocessable('private_key', 'does not belong to the certificate in body.')
  return describe(certificate)
}

/** The first certificate of a PEM text, which is the leaf of a chain, or a DER in base64. */
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

/** A private key in PEM or DER; undefined if it is not one, or encrypted. */
function parsePrivateKey(bytes: Uint8Array): KeyObject | undefined {
  const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (pemKey.test(key.toString('latin1'))) return tryParse(() => createPrivateKey(key))
  if (key[0] !== derSequence) return undefined
  for (const type of ['pkcs8', 'pkcs1', 'sec1'] as const) {
    const parsed = tryParse(() => createPrivateKey({ key, format: 'der', type }))
    if (parsed !== undefined) return parsed
  }
  return undefined
}

const pemCertificate = /^\s*-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----|\n-----BEGIN CERTIFICATE-----/
const pemKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----/
const derSequence = 0x30

/** Base64 of a DER sequence starts with M, so most other texts are excluded by their first character. */
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

function describe(certificate: X509Certificate): Inspection {
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

/** Node prints each part of a name on a line, and escapes separators within a part. */
function oneLine(name: string | undefined): string {
  return (name ?? '').split('\n').join(', ')
}

/** Node quotes a name with a comma or a quote as JSON does, so commas within quotes do not separate names. */
function splitNames(names: string | undefined): string[] {
  return (names ?? '').match(/(?:[^,"]|"(?:\\.|[^"\\])*")+/g)?.map((name) => name.trim()) ?? []
}

function keyTypeOf(certificate: X509Certificate): string {
  const key = tryParse(() => certificate.publicKey)
  const { modulusLength, namedCurve } = key?.asymmetricKeyDetails ?? {}
  return [key?.asymmetricKeyType ?? 'unknown', modulusLength ?? namedCurve]
    .filter((part) => part !== undefined)
    .join(' ')
}

function tryParse<R>(work: () => R): R | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
