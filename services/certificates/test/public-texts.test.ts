import assert from 'node:assert/strict'
import { createPublicKey, randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { rootCertificates } from 'node:tls'
import { test } from 'node:test'
import fc from 'fast-check'
import { holdsPrivateKey } from '../src/private-key-search.ts'
import { binaryPublic } from './binary-keys.ts'
import { bits, integer, nameOf, objectId, sequence, small, tagged, time } from '@quintet/chassis/x509/der'
import { makeCertificate, signatureAlgorithm } from './make-certificate.ts'
import {
  certificate,
  ec,
  ed25519,
  hexLines,
  jwkOf,
  keyOf,
  keys,
  large,
  pemOf,
  pkcs7Data,
  publicXml,
  rsa,
  rsaXml,
  validity,
  wire,
} from './private-keys.ts'
import { wrapped } from './wrappings.ts'

const name = nameOf('example.com')
const spki = (key: KeyObject) => createPublicKey(key).export({ format: 'der', type: 'spki' })
const ecAlgorithm = signatureAlgorithm.ec ?? sequence()
const rsaAlgorithm = signatureAlgorithm.rsa ?? sequence()
const revoked = Array.from({ length: 40 }, (_, i) =>
  sequence(integer(randomBytes(16)), time(validity.notBefore + i)),
)

/** A first version certificate, whose content begins as that of a private key does. */
const firstVersion = sequence(
  sequence(small(1), rsaAlgorithm, name, sequence(time(0), time(1)), name, spki(rsa)),
  rsaAlgorithm,
  bits(randomBytes(128)),
)

const publicBytes: Readonly<Record<string, Buffer>> = {
  ...Object.fromEntries(Object.entries(keys).map(([name, key]) => [`the public key ${name}`, spki(key)])),
  'a certificate of P-256': certificate.der,
  'a certificate of RSA': makeCertificate({ ...validity, key: keyOf('RSA 2048') }).der,
  'a certificate of Ed25519': makeCertificate({ ...validity, key: ed25519 }).der,
  'a certificate of the first version': firstVersion,
  'a public key in PKCS #1': createPublicKey(rsa).export({ format: 'der', type: 'pkcs1' }),
  'a certificate request': sequence(
    sequence(small(0), name, spki(ec), tagged(0xa0, Buffer.alloc(0))),
    ecAlgorithm,
    bits(randomBytes(70)),
  ),
  'a revocation list': sequence(
    sequence(small(1), ecAlgorithm, name, time(0), time(1), sequence(...revoked)),
    ecAlgorithm,
    bits(randomBytes(70)),
  ),
  'certificates in PKCS #7': sequence(
    objectId(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02),
    tagged(
      0xa0,
      sequence(
        small(1),
        tagged(0x31, Buffer.alloc(0)),
        sequence(pkcs7Data),
        tagged(0xa0, Buffer.concat([certificate.der, firstVersion])),
        tagged(0x31, Buffer.alloc(0)),
      ),
    ),
  ),
  'the parameters of DSA': sequence(large(), integer(randomBytes(20)), large()),
  'the numbers of notices': sequence(small(1), small(2), small(3), small(4), small(5), small(6)),
  'a signature of ECDSA': sequence(integer(randomBytes(32)), integer(randomBytes(32))),
  'a public key of SSH': Buffer.concat([wire('ssh-ed25519'), wire('a'.repeat(32))]),
  'random bytes': randomBytes(1_500),
  ...binaryPublic,
}

const publicTexts: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    Object.entries(publicBytes).map(([name, bytes]) => [`${name} in PEM`, pemOf('CERTIFICATE', bytes)]),
  ),
  ...Object.fromEntries(
    Object.entries(keys)
      .filter(([name]) => !/DSA|PSS/.test(name))
      .map(([name, key]) => [`the public JSON Web Key ${name}`, JSON.stringify(jwkOf(createPublicKey(key)))]),
  ),
  'a chain': rootCertificates.slice(0, 10).join('\n'),
  'a bag of a key store': `Bag Attributes\n    friendlyName: leaf\n    localKeyID: 01 02 03\nKey Attributes: <No Attributes>\n${certificate.pem}`,
  'public XML of RSA': rsaXml(publicXml),
  'public XML of DSA':
    '<DSAKeyValue><P>q9Zz1234</P><Q>q9Zz1234</Q><G>q9Zz1234</G><Y>q9Zz1234</Y></DSAKeyValue>',
  'a public key of SSH in its own format':
    '---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----',
  'a text': 'test body',
  'a text about keys': 'To begin, keep the private key of the certificate secret. -- Begin with a new one.',
  'a list about keys':
    '- Begin by making a private key.\n- private key: /etc/ssl/private/example_com_production.key\n- d: a',
  'a configuration':
    '{"kid":"k","private_key_path":"/etc/ssl/private/key.pem","d":"2030-01-01","k":"value","p":10000000}',
  SQL: '-- begin\nINSERT INTO t VALUES (1, 2, 3);\n-- the private key follows elsewhere',
  'a comment of SQL': '-- begin: the private key table\ncreate table private_key (id int);',
  'a label in a sentence': 'A file that begins with -----BEGIN PRIVATE KEY----- is secret.',
  'both labels in a sentence':
    'Paste what is between -----BEGIN RSA PRIVATE KEY----- and -----END RSA PRIVATE KEY----- into the field.',
  'a label': '-----BEGIN PRIVATE KEY-----',
  'labels around an omission': '-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----',
  'labels around a description':
    '-----BEGIN PRIVATE KEY-----\n<the key of the server, in base64>\n-----END PRIVATE KEY-----',
  'a label and a path': '-----BEGIN PRIVATE KEY----- is the first line of /etc/ssl/private/services/example',
  'a text about PuTTY': 'A file that begins with PuTTY-User-Key-File-3 has Private-Lines: 8 or so.',
  'a text about encryption': 'An encrypted key has the header field Proc-Type: 4,ENCRYPTED and its DEK-Info.',
  'a text about BIND': 'Private-key-format: v1.3 is the first line, and PrivateKey: is followed by the key.',
  'a text about moduli': 'The modulus is n = p * q, where p: a_prime_number and q: another_prime_number',
  'a text about JSON Web Keys':
    'kty: the type; d: exponents_are_private; k: symmetric-keys-of-any-length; "p": "first_prime_factor"',
  'a public JSON Web Key and a note':
    '{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","d":"REDACTED","priv":"no_private_key"}',
  'a deployment': 'crv: P-256\nk: kubernetes-production-cluster-01\np: production\nd: deployment-of-2030\n',
  'settings with a modulus': 'modulus = 4\nq: "name_of_the_queue_1"',
  'a page with elements of one letter': '<p>modulus</p><d>definition12</d><q>quotation_here</q>',
  'a public key as OpenSSL prints it': `Public-Key: (2048 bit)\nModulus:\n${hexLines(randomBytes(257))}\nExponent: 65537 (0x10001)\n`,
  'a page': '<html><body><p>d = 12345678 &amp; x &gt; 1</p></body></html>',
  'percent signs': '100%25 of 30%',
}

test('No certificate, chain, request, list, public key or other text is reported as a private key, in any wrapping', () => {
  const secret = randomBytes(32)
  const found = [...wrapped(publicBytes, publicTexts)].filter(([, text]) => holdsPrivateKey(text, secret))
  assert.deepEqual(
    found.map(([name]) => name),
    [],
  )
})

test('A public JSON Web Key in quoted-printable is none, also if its lines begin like a member', () => {
  const text =
    '{"kty":"RSA","n":"zEsdTeKSJKF88xEHHUSMpD7thHcJZFtB2RmAUrlZBhglsQFg7Ziw=\r\nK=2DB7omIC6DATks6xd2HkWnV5FVwpghtlOHeP9vXKwZA0eNQA60yhomKKEUBp=2DYdhiJ=\r\nd=2DqOZiXL5YesDReYR7eTXMQTKp6jg7h2eqIGuIDATks6xd2HkWnV5FVwp","e":"AQAB"}'
  assert.equal(holdsPrivateKey(text), false)
  assert.equal(holdsPrivateKey(text.replaceAll('=\r\n', '\r\n')), true)
})

test('No certificate of a public authority is reported as a private key', () => {
  assert.ok(rootCertificates.length > 100)
  for (const pem of rootCertificates) assert.equal(holdsPrivateKey(pem), false, pem)
})

test('No random text and no random bytes are reported as a private key', () => {
  const bytes = fc.uint8Array({ maxLength: 2_000 }).map((array) => Buffer.from(array))
  const text = fc.oneof(
    fc.string({ maxLength: 500 }),
    fc.string({ unit: 'binary', maxLength: 500 }),
    fc.lorem({ mode: 'sentences', maxCount: 20 }),
    fc.json(),
    fc.webUrl(),
    bytes.map((value) => value.toString('base64')),
    bytes.map((value) => value.toString('base64url')),
    bytes.map((value) => value.toString('hex')),
    bytes.map((value) => pemOf('CERTIFICATE', value)),
  )
  const secret = fc.uint8Array({ minLength: 16, maxLength: 100 })
  fc.assert(
    fc.property(text, secret, (one, other) => !holdsPrivateKey(one, other)),
    { numRuns: 2_000 },
  )
})
