import { createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import {
  bits,
  integer,
  nameOf,
  nil,
  objectId,
  octets,
  sequence,
  small,
  tagged,
  time,
} from '@quintet/chassis/x509/der'

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
  const name = nameOf(commonName)
  const alternatives = octets(sequence(...names.map(alternativeName)))
  const extension = sequence(objectId(0x55, 0x1d, 0x11), alternatives)
  const toBeSigned = sequence(
    tagged(0xa0, small(2)),
    integer(Buffer.concat([Buffer.from([0x4a]), randomBytes(15)])),
    algorithm,
    name,
    sequence(time(notBefore), time(notAfter)),
    name,
    createPublicKey(key).export({ format: 'der', type: 'spki' }),
    ...(names.length > 0 ? [tagged(0xa3, sequence(extension))] : []),
  )
  const signature = sign(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', toBeSigned, key)
  const der = sequence(toBeSigned, algorithm, bits(signature))
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
  rsa: sequence(objectId(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b), nil),
  ed25519: sequence(objectId(0x2b, 0x65, 0x70)),
}
