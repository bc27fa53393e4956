import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { AppError } from '@quintet/chassis/errors'
import { firstElement, sequence } from './ber.ts'
import { boundaryMark, decodeBase64, pemOf, scanPem } from './pem.ts'
import type { PemBlock } from './pem.ts'
import { certificateKeys, formatOfPrivateKey, hasSupportedKey, privateKeys } from './supported-key.ts'
import type { PrivateKeyDer } from './supported-key.ts'

/** The fields of an X.509 certificate as they are returned to clients; times are RFC 3339. */
type Description = {
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
 * be parsed must belong to the certificate. `found` is what `findPrivateKey` finds. Throws `unprocessable`.
 */
export function inspect(
  body: string,
  privateKey: Uint8Array,
  policy: Policy,
  found = findPrivateKey(privateKey),
): Inspection | undefined {
  if (policy === 'opaque') return undefined
  const certificate = parseCertificate(body)
  const key = certificate === undefined || found === null ? undefined : parseDer(found)
  if (policy === 'strict') refuseOpaque(certificate, key)
  if (certificate === undefined) return undefined
  if (key !== undefined && tryParse(() => certificate.checkPrivateKey(key)) !== true)
    throw unprocessable('private_key', 'does not belong to the certificate in body.')
  return describe(certificate)
}

/** The first certificate of a PEM text that can be parsed, which is the leaf of a chain; or a DER or such a text in base64. */
function parseCertificate(body: string): X509Certificate | undefined {
  const found = certificateIn(body)
  const bytes = found === undefined && mayBeEncoded(body) ? decodeBase64(body) : undefined
  if (bytes === undefined) return found
  return bytes[0] === sequence
    ? certificateOf({ label: 'CERTIFICATE', bytes: firstElement(bytes) })
    : bytes.includes(boundaryMark)
      ? certificateIn(bytes.toString('latin1'))
      : undefined
}

/** To decode a text takes a fifth of the time that it takes to check that all of it is base64. */
function mayBeEncoded(body: string): boolean {
  const bytes = Buffer.from(body, 'base64')
  return bytes[0] === sequence || bytes.includes(boundaryMark)
}

function certificateIn(pem: string): X509Certificate | undefined {
  if (!pem.includes(boundaryMark)) return undefined
  return scanPem(pem)
    .filter(({ label, bytes }) => certificateLabels.has(label) && bytes[0] === sequence)
    .take(blocksMax)
    .map(certificateOf)
    .find((certificate) => certificate !== undefined)
}

/** Node would find and parse a text in PEM before all else in DER, and reads what is trusted in PEM only. */
function certificateOf(block: PemBlock): X509Certificate | undefined {
  if (!hasSupportedKey(block.bytes)) return undefined
  const isPlain = block.label !== trustedLabel && !block.bytes.includes(boundaryMark)
  const certificate = tryParse(() => new X509Certificate(isPlain ? block.bytes : pemOf(block)))
  if (certificate === undefined) return undefined
  const { validFromDate, validToDate } = certificate
  const hasValidity = Number.isFinite(validFromDate.getTime()) && Number.isFinite(validToDate.getTime())
  return hasValidity ? certificate : undefined
}

/** Longer than any chain in use. */
const blocksMax = 32

const trustedLabel = 'TRUSTED CERTIFICATE'

/** Of a certificate, and of the older and trusted ones that OpenSSL reads. */
const certificateLabels: ReadonlySet<string> = new Set(['CERTIFICATE', 'X509 CERTIFICATE', trustedLabel])

/** A private key in PEM or DER; undefined if it is none, encrypted, or of a kind that is not supported. */
export function parsePrivateKey(bytes: Uint8Array): KeyObject | undefined {
  const found = findPrivateKey(bytes)
  return found === null ? undefined : parseDer(found)
}

function parseDer({ der, format }: PrivateKeyDer): KeyObject | undefined {
  return tryParse(() => createPrivateKey({ key: der, format: 'der', type: format }))
}

/** The DER of a private key, not parsed by OpenSSL; null if it is none, encrypted, or of a kind that is not supported. */
export function findPrivateKey(bytes: Uint8Array): PrivateKeyDer | null {
  const given = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const block = given.includes(boundaryMark)
    ? scanPem(given.toString('latin1')).find(({ label }) => label.endsWith('PRIVATE KEY'))
    : undefined
  const der = firstElement(block?.bytes ?? given)
  const format = formatOfPrivateKey(der)
  return format === undefined ? null : { der, format }
}

function refuseOpaque(certificate: X509Certificate | undefined, key: KeyObject | undefined): void {
  if (certificate === undefined)
    throw unprocessable('body', `must be an X.509 certificate in PEM or DER, ${certificateKeys}.`)
  if (key === undefined)
    throw unprocessable('private_key', `must be an unencrypted private key in PEM or DER, of ${privateKeys}.`)
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

/** Node separates names by commas, and quotes the value of one that has a comma or a quote as JSON does. */
function splitNames(names: string | undefined): string[] {
  return (names ?? '').match(/(?:[^,"]|"(?:\\.|[^"\\])*")+/g)?.map((name) => withoutQuotes(name.trim())) ?? []
}

function withoutQuotes(name: string): string {
  const colon = name.indexOf(':') + 1
  return name[colon] === '"'
    ? name.slice(0, colon) + String(tryParse(() => JSON.parse(name.slice(colon))))
    : name
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
