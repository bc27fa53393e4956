import { randomBytes } from 'node:crypto'

/** Keys of OpenPGP (RFC 9580, 5.5) and of Windows (wincrypt.h and bcrypt.h), in pairs of a secret and a public one. */
type Keys = Readonly<Record<string, Buffer>>

const bytesOf = (...hex: readonly string[]) => Buffer.from(hex.join(''), 'hex')
const uint32 = (value: number) => Buffer.of(value >> 24, value >> 16, value >> 8, value)
const uint32le = (...values: readonly number[]) =>
  Buffer.concat(values.map((value) => uint32(value).reverse()))

/** A multiprecision integer of as many bytes, whose first one is given. */
const number = (bytes: number, first = 0x80) =>
  Buffer.concat([
    Buffer.of((8 * bytes - Math.clz32(first) + 24) >> 8, 8 * bytes - Math.clz32(first) + 24, first),
    randomBytes(bytes - 1),
  ])

const oldPacket = (tag: number, content: Buffer) =>
  content.length < 256
    ? Buffer.concat([Buffer.of(0x80 | (tag << 2), content.length), content])
    : Buffer.concat([Buffer.of(0x81 | (tag << 2), content.length >> 8, content.length), content])

function newPacket(tag: number, content: Buffer): Buffer {
  const { length } = content
  const size =
    length < 192 ? Buffer.of(length) : Buffer.of(192 + ((length - 192) >> 8), (length - 192) & 0xff)
  return Buffer.concat([Buffer.of(0xc0 | tag), size, content])
}

/** A header whose length has four bytes. */
const longPacket = (tag: number, content: Buffer) =>
  Buffer.concat([Buffer.of(0xc0 | tag, 0xff), uint32(content.length), content])

const created = uint32(0x65000000)
const ed25519Curve = bytesOf('09', '2b06010401da470f01')
const p256 = bytesOf('08', '2a8648ce3d030107')
const material: Readonly<Record<string, Buffer>> = {
  rsa: Buffer.concat([Buffer.of(1), number(256), number(3, 1)]),
  elgamal: Buffer.concat([Buffer.of(16), number(256), number(1, 5), number(256)]),
  dsa: Buffer.concat([Buffer.of(17), number(128), number(20), number(128), number(128)]),
  ecdh: Buffer.concat([Buffer.of(18), p256, number(65, 4), bytesOf('03010807')]),
  ecdsa: Buffer.concat([Buffer.of(19), p256, number(65, 4)]),
  'legacy EdDSA': Buffer.concat([Buffer.of(22), ed25519Curve, number(33, 0x40)]),
  x25519: Buffer.concat([Buffer.of(25), randomBytes(32)]),
  ed448: Buffer.concat([Buffer.of(28), randomBytes(57)]),
}
const secretLengths: Readonly<Record<string, number>> = { x25519: 32, ed448: 57 }

const contents = Object.entries(material).map(([name, half]) => {
  const secret = Buffer.concat([Buffer.of(0), randomBytes((secretLengths[name] ?? 40) + 2)])
  return [name, Buffer.concat([Buffer.of(4), created, half]), secret] as const
})
/** A salt, and how often it is hashed. */
const salted = '1122334455667788ff'
const rsaHalf = material.rsa ?? Buffer.alloc(0)
const x25519Half = material.x25519 ?? Buffer.alloc(0)
const third = Buffer.concat([Buffer.of(3), created, Buffer.of(0, 0), rsaHalf])
const counted = (version: number) =>
  Buffer.concat([Buffer.of(version), created, Buffer.of(25), uint32(32), x25519Half.subarray(1)])
const [sixth, fifth] = [counted(6), counted(5)]
const fourth = Buffer.concat([Buffer.of(4), created, x25519Half])

/** Builds the packets of secret keys, or of the same public ones. */
function pgpKeys(isSecret: boolean): Keys {
  const [key, subkey] = isSecret ? [5, 7] : [6, 14]
  const half = (content: Buffer, secret: Buffer) => (isSecret ? Buffer.concat([content, secret]) : content)
  const plain = Buffer.concat([Buffer.of(0), randomBytes(32)])
  const withSum = Buffer.concat([Buffer.of(0), Buffer.from([0]), randomBytes(34)])
  const protectedBy = (hex: string) => Buffer.concat([bytesOf(hex, salted), randomBytes(60)])
  return Object.fromEntries([
    ...contents.flatMap(([name, content, secret]) => [
      [`PGP ${name} in the old format`, oldPacket(key, half(content, secret))],
      [`PGP ${name} in the new format`, newPacket(key, half(content, secret))],
      [`PGP ${name}, encrypted`, oldPacket(key, half(content, protectedBy('fe070308')))],
      [`PGP ${name} as a subkey`, longPacket(subkey, half(content, secret))],
    ]),
    ['PGP of version 3', oldPacket(key, half(third, withSum))],
    [
      'PGP of version 3 with a cipher',
      oldPacket(key, half(third, Buffer.concat([bytesOf('03'), randomBytes(40)]))),
    ],
    ['PGP x25519, encrypted with a sum of 16 bits', oldPacket(key, half(fourth, protectedBy('ff070308')))],
    ['PGP x25519, encrypted with OCB', oldPacket(key, half(fourth, protectedBy('fd09020308')))],
    ['PGP of version 5, encrypted', newPacket(key, half(fifth, protectedBy('fe1c070308')))],
    ['PGP of version 5, encrypted with OCB', newPacket(key, half(fifth, protectedBy('fd1d09020308')))],
    ['PGP of version 6, encrypted', newPacket(key, half(sixth, protectedBy('fe1d070b0308')))],
    ['PGP of version 6, encrypted with OCB', newPacket(key, half(sixth, protectedBy('fd1d09020b0308')))],
    ['PGP of version 6', newPacket(key, half(sixth, plain))],
    ['PGP of version 6 as a subkey', oldPacket(subkey, half(sixth, plain))],
  ])
}

const cryptoApi = (type: number, algorithm: string, magic: string) =>
  Buffer.concat([
    Buffer.of(type, 2, 0, 0),
    bytesOf(algorithm),
    Buffer.from(magic, 'latin1'),
    uint32le(1024, 65_537),
    randomBytes(400),
  ])

const bcrypt = (magic: string, ...lengths: readonly number[]) =>
  Buffer.concat([Buffer.from(magic), uint32le(...lengths), randomBytes(200)])

const windowsSecrets: Keys = {
  'a PRIVATEKEYBLOB of an exchange key': cryptoApi(7, '00a40000', 'RSA2'),
  'a PRIVATEKEYBLOB of a signature key': cryptoApi(7, '00240000', 'RSA2'),
  'a PRIVATEKEYBLOB of DSS': cryptoApi(7, '00220000', 'DSS2'),
  'a PRIVATEKEYBLOB of Diffie-Hellman': cryptoApi(7, '02aa0000', '\0DH2'),
  ...Object.fromEntries(
    ['RSA2', 'RSA3'].map((magic) => [`a blob of CNG ${magic}`, bcrypt(magic, 2048, 3, 256, 128, 128)]),
  ),
  ...Object.fromEntries(
    ['ECS2', 'ECS4', 'ECS6', 'ECK2', 'ECK4', 'ECK6', 'ECDV', 'ECKV', 'DSPV', 'DHPV'].map((magic) => [
      `a blob of CNG ${magic}`,
      bcrypt(magic, 66),
    ]),
  ),
}

const windowsPublic: Keys = {
  'a PUBLICKEYBLOB of an exchange key': cryptoApi(6, '00a40000', 'RSA1'),
  'a PUBLICKEYBLOB of a signature key': cryptoApi(6, '00240000', 'RSA1'),
  'a PUBLICKEYBLOB of DSS': cryptoApi(6, '00220000', 'DSS1'),
  'a public blob of CNG RSA1': bcrypt('RSA1', 2048, 3, 256, 0, 0),
  ...Object.fromEntries(
    ['ECS1', 'ECS3', 'ECS5', 'ECK1', 'ECK3', 'ECK5', 'ECDP', 'ECKP', 'DSPB', 'DHPB'].map((magic) => [
      `a public blob of CNG ${magic}`,
      bcrypt(magic, 66),
    ]),
  ),
}

export const binarySecrets: Keys = { ...pgpKeys(true), ...windowsSecrets }
export const binaryPublic: Keys = { ...pgpKeys(false), ...windowsPublic }
