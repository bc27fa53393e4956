import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { test } from 'node:test'
import { AppError } from '@quintet/chassis/errors'
import { holdsPrivateKey } from '../src/private-key-search.ts'
import { formatOfPrivateKey, hasSupportedKey } from '../src/supported-key.ts'
import { inspect, parsePrivateKey } from '../src/x509.ts'
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
import { makeCertificate, signatureAlgorithm } from './make-certificate.ts'
import { threadMs } from './thread-ms.ts'
import { createWorld } from './world.ts'

const validity = { notBefore: Date.UTC(2030, 0, 1), notAfter: Date.UTC(2030, 3, 1) }
const sample = makeCertificate(validity)
const oids = {
  rsa: objectId(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01),
  ec: objectId(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01),
  sm2: objectId(0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x82, 0x2d),
  dsa: objectId(0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01),
  dh: objectId(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x03, 0x01),
  dhx: objectId(0x2a, 0x86, 0x48, 0xce, 0x3e, 0x02, 0x01),
  ed25519: objectId(0x2b, 0x65, 0x70),
  p256: objectId(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07),
  primeField: objectId(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x01, 0x01),
}
/** A positive odd number. */
const large = (bytes: number) =>
  integer(Buffer.concat([Buffer.from([0x7f]), randomBytes(bytes - 2), Buffer.from([1])]))
const privateInfo = (algorithm: Buffer, key: Buffer) => sequence(small(0), algorithm, octets(key))
const pemOf = (label: string, der: Buffer) =>
  `-----BEGIN ${label}-----\n${der.toString('base64')}\n-----END ${label}-----\n`

/** A curve of a prime of the given length, with a compressed base point, whose other coordinate is a square root. */
const explicitCurve = (bytes: number) =>
  sequence(
    small(1),
    sequence(oids.primeField, large(bytes)),
    sequence(octets(randomBytes(bytes)), octets(randomBytes(bytes))),
    octets(Buffer.concat([Buffer.from([2, 0]), randomBytes(bytes - 1)])),
    large(bytes),
  )
const curve = explicitCurve(1_000)
const scalar = octets(randomBytes(32))
const rsaKey = (bytes: number) =>
  sequence(small(0), large(bytes), small(3), ...Array.from({ length: 6 }, () => large(bytes)))

/** Keys that OpenSSL would calculate with for long, or might. */
const costlyKeys: Readonly<Record<string, Buffer>> = {
  DSA: privateInfo(sequence(oids.dsa, sequence(large(10_000), large(10_000), large(9_999))), large(10_000)),
  'DSA in the format of OpenSSL': sequence(
    small(0),
    ...[10_000, 9_998, 9_999, 9_997, 9_996].map((bytes) => large(bytes)),
  ),
  DH: privateInfo(sequence(oids.dh, sequence(large(10_000), large(9_999))), large(10_000)),
  'DH of X9.42': privateInfo(
    sequence(oids.dhx, sequence(large(10_000), large(9_999), large(32))),
    large(10_000),
  ),
  'an explicit curve': privateInfo(sequence(oids.ec, curve), sequence(small(1), scalar)),
  'an explicit curve of SM2': privateInfo(sequence(oids.sm2, curve), sequence(small(1), scalar)),
  'an explicit curve within a named one': privateInfo(
    sequence(oids.ec, oids.p256),
    sequence(small(1), scalar, tagged(0xa0, curve)),
  ),
  'an explicit curve in SEC 1': sequence(small(1), scalar, tagged(0xa0, curve)),
  'an explicit curve behind a named one': sequence(
    small(1),
    scalar,
    tagged(0xa0, Buffer.concat([oids.p256, curve])),
  ),
  'a long scalar': sequence(small(1), octets(randomBytes(10_000)), tagged(0xa0, oids.p256)),
  'RSA of 24,000 bits': privateInfo(sequence(oids.rsa, nil), rsaKey(3_000)),
  'RSA of 24,000 bits in PKCS #1': rsaKey(3_000),
  'RSA with long parameters': privateInfo(sequence(oids.rsa, octets(randomBytes(10_000))), rsaKey(128)),
  'Ed25519 of 30,000 bytes': privateInfo(sequence(oids.ed25519), octets(randomBytes(30_000))),
  'Ed25519 with parameters': privateInfo(sequence(oids.ed25519, curve), scalar),
  'an unknown algorithm': privateInfo(sequence(objectId(0x2a, 0x03), curve), scalar),
}

test('A private key that OpenSSL would calculate with for long is not parsed, in any encoding', () => {
  for (const [kind, der] of Object.entries(costlyKeys)) {
    assert.equal(formatOfPrivateKey(der), undefined, kind)
    const startMs = threadMs()
    for (const label of ['', 'RSA ', 'EC ', 'DSA ', 'DH ', 'ANY '])
      assert.equal(parsePrivateKey(Buffer.from(pemOf(`${label}PRIVATE KEY`, der))), undefined, kind)
    assert.equal(parsePrivateKey(Buffer.concat([der, Buffer.from('\n')])), undefined, kind)
    assert.equal(holdsPrivateKey('test body', der), false, kind)
    assert.equal(holdsPrivateKey(`a ${der.toString('base64')}`, der), true, kind)
    assert.ok(threadMs() - startMs < 2_000, kind)
  }
})

test('A private key with its length left open is not parsed, since readers may differ on where it ends', () => {
  const open = Buffer.concat([
    Buffer.from([0x30, 0x80]),
    sample.privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(3),
    Buffer.alloc(2),
  ])
  assert.equal(parsePrivateKey(open), undefined)
})

const generate: Readonly<Record<string, () => KeyObject>> = {
  'RSA 1024': () => generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey,
  'RSA 2048': () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  'RSA-PSS': () =>
    generateKeyPairSync('rsa-pss', {
      modulusLength: 1024,
      hashAlgorithm: 'sha256',
      mgf1HashAlgorithm: 'sha256',
    }).privateKey,
  ...Object.fromEntries(
    ['P-256', 'P-384', 'P-521', 'secp256k1', 'brainpoolP512r1', 'sect571r1', 'SM2'].map((namedCurve) => [
      namedCurve,
      () => generateKeyPairSync('ec', { namedCurve }).privateKey,
    ]),
  ),
  Ed25519: () => generateKeyPairSync('ed25519').privateKey,
  Ed448: () => generateKeyPairSync('ed448').privateKey,
  X25519: () => generateKeyPairSync('x25519').privateKey,
  X448: () => generateKeyPairSync('x448').privateKey,
  'ML-DSA-87': () => generateKeyPairSync('ml-dsa-87').privateKey,
  'ML-KEM-1024': () => generateKeyPairSync('ml-kem-1024').privateKey,
  'SLH-DSA-SHAKE-256f': () => generateKeyPairSync('slh-dsa-shake-256f').privateKey,
}

/** A certificate of any key, without a valid signature. */
function certificateOf(publicKey: Buffer): Buffer {
  const name = nameOf('example.com')
  const algorithm = signatureAlgorithm.ec ?? sequence()
  return sequence(
    sequence(
      tagged(0xa0, small(2)),
      small(1),
      algorithm,
      name,
      sequence(time(validity.notBefore), time(validity.notAfter)),
      name,
      publicKey,
    ),
    algorithm,
    bits(randomBytes(70)),
  )
}

const spki = (key: KeyObject) => createPublicKey(key).export({ format: 'der', type: 'spki' })
const certificatePem = (publicKey: Buffer) => pemOf('CERTIFICATE', certificateOf(publicKey))

test('Keys of all other kinds are parsed, and belong to their certificates', () => {
  for (const [kind, make] of Object.entries(generate)) {
    const key = make()
    const der = key.export({ format: 'der', type: 'pkcs8' })
    assert.deepEqual(parsePrivateKey(der)?.export({ format: 'der', type: 'pkcs8' }), der, kind)
    const pem = Buffer.from(key.export({ format: 'pem', type: 'pkcs8' }))
    const body = certificatePem(spki(key))
    assert.ok(inspect(body, pem, 'strict') !== undefined, kind)
    const other = Buffer.from(make().export({ format: 'pem', type: 'pkcs8' }))
    assert.throws(() => inspect(body, other, 'auto'), /does not belong/, kind)
  }
})

test('A modulus of 16,384 bits is the longest that is parsed', () => {
  for (const [bytes, isParsed] of [
    [2_048, true],
    [2_060, false],
  ] as const) {
    assert.equal(
      formatOfPrivateKey(
        sequence(
          small(0),
          large(bytes),
          small(3),
          large(bytes),
          ...Array.from({ length: 5 }, () => large(bytes / 2)),
        ),
      ),
      isParsed ? 'pkcs1' : undefined,
    )
    const key = sequence(sequence(oids.rsa, nil), bits(sequence(large(bytes), small(3))))
    assert.equal(hasSupportedKey(certificateOf(key)), isParsed)
    assert.equal(inspect(certificatePem(key), randomBytes(9), 'auto') !== undefined, isParsed)
  }
})

const costlyPublicKeys: Readonly<Record<string, Buffer>> = {
  'an explicit curve': sequence(sequence(oids.ec, curve), bits(Buffer.from([2, 1]))),
  'a short explicit curve': sequence(sequence(oids.ec, explicitCurve(82)), bits(Buffer.from([2, 1]))),
  'an explicit curve of SM2': sequence(sequence(oids.sm2, curve), bits(Buffer.from([2, 1]))),
  'a long point': sequence(sequence(oids.ec, oids.p256), bits(randomBytes(4_000))),
  'RSA of 24,000 bits': sequence(sequence(oids.rsa, nil), bits(sequence(large(3_000), small(3)))),
  'RSA with a long exponent': sequence(sequence(oids.rsa, nil), bits(sequence(large(256), large(3_000)))),
  DSA: sequence(sequence(oids.dsa, sequence(large(3_000), large(32), large(2_999))), bits(large(2_999))),
  DH: sequence(sequence(oids.dh, sequence(large(3_000), large(2_999))), bits(large(2_999))),
  'DH of X9.42': sequence(
    sequence(oids.dhx, sequence(large(3_000), small(2), large(32))),
    bits(large(2_999)),
  ),
  'an unknown algorithm': sequence(sequence(objectId(0x2a, 0x03), curve), bits(Buffer.from([1]))),
}

test('A certificate with a public key that OpenSSL would calculate with for long is opaque, which the strict policy rejects', () => {
  const key = Buffer.from('opaque')
  for (const [kind, publicKey] of Object.entries(costlyPublicKeys)) {
    const der = certificateOf(publicKey)
    assert.equal(hasSupportedKey(der), false, kind)
    const amid = Buffer.from(`\n${pemOf('CERTIFICATE', der)}\n`)
    for (const body of [
      pemOf('CERTIFICATE', der),
      pemOf('TRUSTED CERTIFICATE', der).repeat(5),
      der.toString('base64'),
      Buffer.from(pemOf('CERTIFICATE', der)).toString('base64'),
      Buffer.concat([sequence(), amid]).toString('base64'),
    ]) {
      assert.equal(inspect(body, key, 'auto'), undefined, kind)
      assert.throws(
        () => inspect(body, key, 'strict'),
        (error) => error instanceof AppError && /explicit EC parameters/.test(error.errors?.body ?? ''),
        kind,
      )
    }
    assert.equal(inspect(pemOf('CERTIFICATE', der) + sample.pem, key, 'auto')?.notAfterMs, validity.notAfter)
  }
})

test('A certificate in DER is parsed as such, whatever text in PEM is in and behind it', () => {
  const other = makeCertificate({ ...validity, commonName: 'other' })
  const names = [tagged(0x86, `urn:a\n${other.pem}`)]
  const der = Buffer.concat([makeCertificate({ ...validity, names }).der, Buffer.from(`\n${other.pem}`)])
  const found = inspect(der.toString('base64'), Buffer.from('opaque'), 'auto')
  assert.equal(found?.description.subject, 'CN=example.com')
})

test('Certificates of DSA and of unknown algorithms are described', () => {
  const { privateKey: dsa } = generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 })
  const key = Buffer.from('opaque')
  assert.equal(inspect(certificatePem(spki(dsa)), key, 'auto')?.description.key_type, 'dsa 1024')
  const unknown = sequence(sequence(objectId(0x2a, 0x03), nil), bits(randomBytes(1_000)))
  assert.equal(inspect(certificatePem(unknown), key, 'auto')?.description.key_type, 'unknown')
})

test('A private key of DSA with huge numbers takes no time under any policy', async (t) => {
  const private_key = (costlyKeys.DSA ?? Buffer.alloc(0)).toString('base64')
  for (const [policy, status] of [
    ['opaque', 201],
    ['auto', 201],
    ['strict', 422],
  ] as const) {
    const { addUser, post } = await createWorld(t, { CERTIFICATES_POLICY: policy })
    const user = await addUser()
    const startedAt = performance.now()
    const response = await post(`${user}/certificates`, { private_key, active: true, body: sample.pem })
    assert.ok(performance.now() - startedAt < 1_000)
    assert.equal(response.statusCode, status)
    if (status === 422)
      assert.match(response.json().errors.private_key, /RSA of two primes.*EC on a named curve/)
  }
})
