import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
} from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { isIP, SocketAddress } from 'node:net'
import { bits, integer, nameOf, objectId, octets, sequence, small, tagged, time } from './der.ts'

/** A certificate and its private key, both in PEM. */
type Credential = { readonly certificate: string; readonly key: string }

type Validity = { readonly notBefore: number; readonly notAfter: number }

/** An authority, and the name by which its certificates state it. */
export type Authority = Credential & { readonly commonName: string }

/** Makes an authority for development and tests: a certificate that signs others. */
export function createAuthority({ commonName, ...validity }: Validity & { commonName: string }): Authority {
  const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const extensions = [
    critical(basicConstraints, sequence(tagged(0x01, Buffer.from([0xff])), small(0))),
    // keyCertSign and cRLSign.
    critical(keyUsage, bits(Buffer.from([0x06]), 1)),
    extension(subjectKeyId, octets(keyId(key))),
  ]
  const certificate = signed({
    subject: commonName,
    issuer: commonName,
    key,
    signer: key,
    extensions,
    ...validity,
  })
  return { commonName, certificate, key: pemOf(key) }
}

/** Makes a certificate for the server of these names and addresses, with which it can also be a client of others. */
export function issueCertificate(
  authority: Authority,
  { names, ...validity }: Validity & { names: readonly string[] },
): Credential {
  const signer = createPrivateKey(authority.key)
  const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const extensions = [
    critical(basicConstraints, sequence()),
    // digitalSignature.
    critical(keyUsage, bits(Buffer.from([0x80]), 7)),
    extension(extendedKeyUsage, sequence(serverAuth, clientAuth)),
    extension(subjectKeyId, octets(keyId(key))),
    extension(authorityKeyId, sequence(tagged(0x80, keyId(signer)))),
    extension(alternativeNames, sequence(...names.map(alternativeName))),
  ]
  const [subject = ''] = names
  const certificate = signed({ subject, issuer: authority.commonName, key, signer, extensions, ...validity })
  return { certificate, key: pemOf(key) }
}

/** The structure of RFC 5280, 4.1, of version 3. */
function signed({
  subject,
  issuer,
  key,
  signer,
  extensions,
  notBefore,
  notAfter,
}: Validity & {
  subject: string
  issuer: string
  key: KeyObject
  signer: KeyObject
  extensions: readonly Buffer[]
}): string {
  const toBeSigned = sequence(
    tagged(0xa0, small(2)),
    integer(Buffer.concat([Buffer.from([0x4a]), randomBytes(15)])),
    ecdsaWithSha256,
    nameOf(issuer),
    sequence(instant(notBefore), instant(notAfter)),
    nameOf(subject),
    publicKeyOf(key),
    tagged(0xa3, sequence(...extensions)),
  )
  const der = sequence(toBeSigned, ecdsaWithSha256, bits(sign('sha256', toBeSigned, signer)))
  const lines = der.toString('base64').replace(/.{64}(?=.)/g, '$&\n')
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`
}

/** A time before 2050 has two digits for its year (RFC 5280, 4.1.2.5). */
function instant(ms: number): Buffer {
  if (ms >= Date.UTC(2050)) return time(ms)
  return tagged(0x17, `${new Date(ms).toISOString().slice(2, 19).replace(/\D/g, '')}Z`)
}

function alternativeName(name: string): Buffer {
  const family = isIP(name)
  if (family === 0) return tagged(0x82, name)
  return tagged(0x87, Buffer.from(family === 4 ? name.split('.').map(Number) : bytesOfIPv6(name)))
}

function bytesOfIPv6(text: string): number[] {
  const { address } = new SocketAddress({ address: text, family: 'ipv6' })
  const [head = [], tail = []] = address.split('::').map((part) => (part === '' ? [] : part.split(':')))
  const zeros = Array<string>(8 - head.length - tail.length).fill('0')
  return [...head, ...zeros, ...tail].flatMap((group) => {
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 0xff]
  })
}

function critical(id: Buffer, value: Buffer): Buffer {
  return sequence(id, tagged(0x01, Buffer.from([0xff])), octets(value))
}

function extension(id: Buffer, value: Buffer): Buffer {
  return sequence(id, octets(value))
}

/** RFC 7093, 2, method 1. */
function keyId(key: KeyObject): Buffer {
  return createHash('sha256').update(publicKeyOf(key)).digest().subarray(0, 20)
}

function publicKeyOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ format: 'der', type: 'spki' })
}

function pemOf(key: KeyObject): string {
  return String(key.export({ format: 'pem', type: 'pkcs8' }))
}

const ecdsaWithSha256 = sequence(objectId(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02))
const subjectKeyId = objectId(0x55, 0x1d, 0x0e)
const keyUsage = objectId(0x55, 0x1d, 0x0f)
const alternativeNames = objectId(0x55, 0x1d, 0x11)
const basicConstraints = objectId(0x55, 0x1d, 0x13)
const authorityKeyId = objectId(0x55, 0x1d, 0x23)
const extendedKeyUsage = objectId(0x55, 0x1d, 0x25)
const serverAuth = objectId(0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01)
const clientAuth = objectId(0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02)
