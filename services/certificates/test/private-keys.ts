import assert from 'node:assert/strict'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { binarySecrets } from './binary-keys.ts'
import { integer, objectId, octets, sequence, small, tagged } from '@quintet/chassis/x509/der'
import { makeCertificate } from './make-certificate.ts'

export const validity = { notBefore: Date.UTC(2030, 0, 1), notAfter: Date.UTC(2030, 3, 1) }
export const certificate = makeCertificate(validity)
const cipher = { cipher: 'aes-256-cbc', passphrase: 'secret' } as const

export const keys: Readonly<Record<string, KeyObject>> = {
  'RSA 1024': generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey,
  'RSA 2048': generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  'RSA-PSS': generateKeyPairSync('rsa-pss', { modulusLength: 1024 }).privateKey,
  'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  'P-521': generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey,
  secp256k1: generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey,
  Ed25519: generateKeyPairSync('ed25519').privateKey,
  X25519: generateKeyPairSync('x25519').privateKey,
  Ed448: generateKeyPairSync('ed448').privateKey,
  DSA: generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }).privateKey,
}
export const [rsa, ec, ed25519] = [keyOf('RSA 1024'), keyOf('P-256'), keyOf('Ed25519')]

export function keyOf(name: string): KeyObject {
  const key = keys[name]
  assert.ok(key !== undefined)
  return key
}

export const large = () => integer(Buffer.concat([Buffer.from([0x40]), randomBytes(127)]))
export const pkcs7Data = objectId(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01)
const magic = (hex: string) => Buffer.concat([Buffer.from(hex, 'hex'), randomBytes(200)])
export const wire = (...texts: readonly string[]) =>
  Buffer.concat(texts.flatMap((text) => [Buffer.from([0, 0, 0, text.length]), Buffer.from(text)]))

/** Keys in bytes: the DER of each kind, encrypted or not, and other formats. */
export const keysInBytes: Readonly<Record<string, Buffer>> = {
  ...Object.fromEntries(
    Object.entries(keys).flatMap(([name, key]) => [
      [`${name} in PKCS #8`, key.export({ format: 'der', type: 'pkcs8' })],
      [`${name} in PKCS #8, encrypted`, key.export({ format: 'der', type: 'pkcs8', ...cipher })],
    ]),
  ),
  'RSA in PKCS #1': rsa.export({ format: 'der', type: 'pkcs1' }),
  'P-256 in SEC 1': ec.export({ format: 'der', type: 'sec1' }),
  'P-521 in SEC 1': keyOf('P-521').export({ format: 'der', type: 'sec1' }),
  'SEC 1 without a curve': sequence(small(1), octets(randomBytes(32))),
  'DSA in the format of OpenSSL': sequence(
    small(0),
    large(),
    integer(randomBytes(20)),
    large(),
    large(),
    large(),
  ),
  'PKCS #12': sequence(small(3), sequence(pkcs7Data, tagged(0xa0, octets(randomBytes(300))))),
  'PKCS #12 of indefinite length': Buffer.concat([
    Buffer.from('30800201033080', 'hex'),
    pkcs7Data,
    Buffer.from('a080', 'hex'),
    randomBytes(300),
  ]),
  'encrypted by a password of PKCS #12': sequence(
    sequence(
      objectId(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01, 0x03),
      sequence(octets(randomBytes(8))),
    ),
    octets(randomBytes(300)),
  ),
  OpenSSH: Buffer.concat([Buffer.from('openssh-key-v1\0'), wire('none', 'none', ''), randomBytes(200)]),
  'SSH Communications': magic('3f6ff9eb'),
  'PVK of Windows': magic('1ef1b5b000000000'),
  'a key store of Java': magic('feedfeed00000002'),
  'a key store of Java with secret keys': magic('cececece00000002'),
  ...binarySecrets,
}

export const pemOf = (label: string, bytes: Buffer) =>
  `-----BEGIN ${label}-----\n${bytes.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END ${label}-----\n`
export const jwkOf = (key: KeyObject): Record<string, unknown> => ({ ...key.export({ format: 'jwk' }) })
const base64Of = (url: unknown) => Buffer.from(String(url), 'base64').toString('base64')
export const rsaXml = (names: Readonly<Record<string, string>>) =>
  `<RSAKeyValue>${Object.entries(names)
    .map(([name, member]) => `<${name}>${base64Of(jwkOf(rsa)[member])}</${name}>`)
    .join('')}</RSAKeyValue>`
export const publicXml = { Modulus: 'n', Exponent: 'e' }
export const hexLines = (bytes: Buffer) =>
  bytes.toString('hex').replace(/../g, '$&:').replace(/.{45}/g, '    $&\n')
const exponent = Buffer.from(String(jwkOf(rsa).d), 'base64url')

/** Keys in texts of their own, most of them not found by what is in their base64. */
export const keysInTexts: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    Object.entries(keys).map(([name, key]) => [
      `${name} in PEM`,
      String(key.export({ format: 'pem', type: 'pkcs8' })),
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(keys)
      .filter(([name]) => !/DSA|PSS/.test(name))
      .map(([name, key]) => [`${name} as a JSON Web Key`, JSON.stringify(jwkOf(key))]),
  ),
  'PEM, encrypted by OpenSSL': String(rsa.export({ format: 'pem', type: 'pkcs1', ...cipher })),
  'PEM, encrypted by OpenSSL under another label': String(
    rsa.export({ format: 'pem', type: 'pkcs1', ...cipher }),
  ).replaceAll('RSA PRIVATE KEY', 'CERTIFICATE'),
  'PEM that is cut off': String(ec.export({ format: 'pem', type: 'pkcs8' })).slice(0, 60),
  'a symmetric JSON Web Key': JSON.stringify({ kty: 'oct', k: 'AyM1SysPpbyDfgZld3umj1qzKObwVMko' }),
  'a set of JSON Web Keys': JSON.stringify({ keys: [jwkOf(ec)] }, undefined, 2),
  'a key in YAML': `kty: OKP\ncrv: Ed25519\nd: ${String(jwkOf(ed25519).d)}\n`,
  PGP: '-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOYBF\n-----END PGP PRIVATE KEY BLOCK-----\n',
  SSH2: '---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nAAAA\n---- END SSH2 ENCRYPTED PRIVATE KEY ----\n',
  PuTTY: 'PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: a key\nPrivate-Lines: 1\nAAAAIGFh\n',
  'XML of RSA': rsaXml({ ...publicXml, P: 'p', Q: 'q', DP: 'dp', DQ: 'dq', InverseQ: 'qi', D: 'd' }),
  'XML of DSA': '<DSAKeyValue><P>q9Zz1234</P><Y>q9Zz1234</Y><X>q9Zz12345678</X></DSAKeyValue>',
  'a key of BIND': `Private-key-format: v1.3\nAlgorithm: 13 (ECDSAP256SHA256)\nPrivateKey: ${base64Of(jwkOf(ec).d)}\n`,
  'a key as OpenSSL prints it': `Private-Key: (1024 bit, 2 primes)\nprivateExponent:\n${hexLines(exponent)}\n`,
}
