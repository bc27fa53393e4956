import { createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

type TestCertificate = { pem: string; der: Buffer; privateKey: KeyObject }

/** A self-signed X.509 certificate with a new key, encoded here so that tests need no other tool. */
export function makeCertificate({
  notBefore,
  notAfter,
  commonName = 'example.com',
  names = ['example.com', 'www.example.com'],
  key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
}: {
  notBefore: number
  notAfter: number
  commonName?: string
  /** Names of hosts, URIs, or alternative names of other kinds in DER. */
  names?: readonly (string | Buffer)[]
  key?: KeyObject
}): TestCertificate {
  const algorithm = signatureAlgorithm[String(key.asymmetricKeyType)] ?? sequence()
  const name = sequence(tagged(0x31, sequence(objectId(0x55, 0x04, 0x03), tagged(0x0c, commonName))))
  const alternatives = tagged(0x04, sequence(...names.map(alternativeName)))
  const extension = sequence(objectId(0x55, 0x1d, 0x11), alternatives)
  const toBeSigned = sequence(
    tagged(0xa0, tagged(0x02, Buffer.from([2]))),
    tagged(0x02, Buffer.concat([Buffer.from([0x4a]), randomBytes(15)])),
    algorithm,
    name,
    sequence(time(notBefore), time(notAfter)),
    name,
    createPublicKey(key).export({ format: 'der', type: 'spki' }),
    ...(names.length > 0 ? [tagged(0xa3, sequence(extension))] : []),
  )
  const signature = sign(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', toBeSigned, key)
  const der = sequence(toBeSigned, algorithm, tagged(0x03, Buffer.concat([Buffer.from([0]), signature])))
  const lines = der.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()
  return {
    pem: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    der,
    privateKey: key,
  }
}

function alternativeName(name: string | Buffer): Buffer {
  return typeof name === 'string' ? tagged(name.includes('://') ? 0x86 : 0x82, name) : name
}

export const signatureAlgorithm: Readonly<Record<string, Buffer>> = {
  ec: sequence(objectId(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02)),
  rsa: sequence(
    objectId(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b),
    tagged(0x05, Buffer.alloc(0)),
  ),
  ed25519: sequence(objectId(0x2b, 0x65, 0x70)),
}

export function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts))
}

export function objectId(...bytes: readonly number[]): Buffer {
  return tagged(0x06, Buffer.from(bytes))
}

export function time(ms: number): Buffer {
  return tagged(0x18, `${new Date(ms).toISOString().slice(0, 19).replace(/\D/g, '')}Z`)
}

export function tagged(tag: number, content: Buffer | string): Buffer {
  const bytes = Buffer.from(content)
  const { length } = bytes
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), bytes])
}
