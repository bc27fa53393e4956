import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { AppError } from '@quintet/chassis/errors'
import fc from 'fast-check'
import { scanPem } from '../src/pem.ts'
import { certificateKeys, privateKeys } from '../src/supported-key.ts'
import { inspect } from '../src/x509.ts'
import { nameOf, objectId, tagged } from '@quintet/chassis/x509/der'
import { makeCertificate } from './make-certificate.ts'
import { threadMs } from './thread-ms.ts'

const notBefore = Date.UTC(2030, 0, 1)
const notAfter = Date.UTC(2030, 3, 1)
const sample = makeCertificate({ notBefore, notAfter })
const pkcs8 = Buffer.from(sample.privateKey.export({ format: 'pem', type: 'pkcs8' }))

function describe(body: string, key: Uint8Array = Buffer.from('opaque')) {
  const found = inspect(body, key, 'auto')
  assert.ok(found !== undefined)
  return found
}

function assertRejected(work: () => unknown, errors: Record<string, string>): void {
  assert.throws(work, (error) => {
    assert.ok(error instanceof AppError && error.code === 'unprocessable')
    assert.deepEqual(error.errors, errors)
    return true
  })
}

test('A certificate in PEM is described by its names, issuer, serial number, validity, key and fingerprint', () => {
  const { description, notBeforeMs, notAfterMs } = describe(sample.pem)
  const { serial_number: serial, ...rest } = description
  assert.match(serial, /^4A[0-9A-F]{30}$/)
  assert.deepEqual(rest, {
    subject: 'CN=example.com',
    subject_alternative_names: ['DNS:example.com', 'DNS:www.example.com'],
    issuer: 'CN=example.com',
    not_before: '2030-01-01T00:00:00.000Z',
    not_after: '2030-04-01T00:00:00.000Z',
    key_type: 'ec prime256v1',
    fingerprint_sha256: createHash('sha256').update(sample.der).digest('hex'),
  })
  assert.deepEqual([notBeforeMs, notAfterMs], [notBefore, notAfter])
})

test('The same certificate in DER, as base64 in one line or many, has the same description', () => {
  const { description } = describe(sample.pem)
  assert.deepEqual(describe(sample.der.toString('base64')).description, description)
  const lines = sample.der.toString('base64').replace(/.{76}/g, '$&\r\n')
  assert.deepEqual(describe(lines).description, description)
})

test('Of a chain the first certificate is described, and text around it is ignored', () => {
  const other = makeCertificate({ notBefore, notAfter, commonName: 'an authority' })
  assert.equal(
    describe(`# the leaf\n${sample.pem}${other.pem}`).description.subject,
    describe(sample.pem).description.subject,
  )
})

test('Of several certificates the first that can be parsed is described', () => {
  const broken = sample.pem.replace(/[A-Za-z0-9+/]{40}/, 'A'.repeat(40))
  const cut = sample.pem.replace(/(?<=-----\n)[^-]{30}/, 'MIIB')
  for (const before of [broken, cut, broken + cut])
    assert.equal(describe(before + sample.pem).description.subject, 'CN=example.com')
  assert.equal(inspect(broken + cut, pkcs8, 'auto'), undefined)
})

test('A PEM file in base64 is described as the file is', () => {
  const other = makeCertificate({ notBefore, notAfter, commonName: 'an authority' })
  const file = Buffer.from(`# the leaf\r\n${sample.pem}${other.pem}`).toString('base64')
  assert.deepEqual(describe(file).description, describe(sample.pem).description)
  assert.deepEqual(describe(file.replace(/.{76}/g, '$&\n')).description, describe(sample.pem).description)
})

test('A PEM text with the escapes of JSON, as copied from JSON or a .env file, is described as the text is', () => {
  const { description } = describe(sample.pem, pkcs8)
  const escaped = (text: string) => JSON.stringify(text).slice(1, -1)
  const ofWindows = sample.pem.replaceAll('\n', '\r\n')
  for (const body of [
    escaped(sample.pem),
    `CERTIFICATE="${escaped(sample.pem)}"`,
    escaped(ofWindows),
    escaped(escaped(sample.pem)),
    escaped(sample.pem).replaceAll('/', '\\/'),
    Buffer.from(escaped(sample.pem)).toString('base64'),
  ])
    assert.deepEqual(describe(body, Buffer.from(escaped(pkcs8.toString()))).description, description, body)
  const other = makeCertificate({ notBefore, notAfter }).privateKey.export({ format: 'pem', type: 'pkcs8' })
  assertRejected(() => inspect(sample.pem, Buffer.from(escaped(String(other))), 'auto'), {
    private_key: 'private_key does not belong to the certificate in body.',
  })
})

test('A text of certificates that are all broken takes a bounded time', () => {
  const broken = '-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n'
  const startMs = threadMs()
  assert.equal(inspect(broken.repeat(10_000), pkcs8, 'auto'), undefined)
  assert.ok(threadMs() - startMs < 500)
})

test('Keys of other types are named with their size', () => {
  const { privateKey: rsa } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const { privateKey: ed25519 } = generateKeyPairSync('ed25519')
  for (const [key, name] of [
    [rsa, 'rsa 2048'],
    [ed25519, 'ed25519'],
  ] as const) {
    const certificate = makeCertificate({ notBefore, notAfter, key })
    assert.equal(describe(certificate.pem).description.key_type, name)
    const pem = Buffer.from(key.export({ format: 'pem', type: 'pkcs8' }))
    assert.equal(describe(certificate.pem, pem).description.key_type, name)
  }
})

test('The private key of the certificate is accepted in PEM and in DER, in each of its encodings', () => {
  for (const key of [
    pkcs8,
    Buffer.from(sample.privateKey.export({ format: 'pem', type: 'sec1' })),
    sample.privateKey.export({ format: 'der', type: 'pkcs8' }),
    sample.privateKey.export({ format: 'der', type: 'sec1' }),
  ])
    for (const policy of ['auto', 'strict'] as const)
      assert.equal(inspect(sample.pem, key, policy)?.notAfterMs, notAfter)
})

test('A private key of another certificate is rejected, in PEM and in DER', () => {
  const { privateKey } = makeCertificate({ notBefore, notAfter })
  const { privateKey: rsa } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  for (const key of [
    Buffer.from(privateKey.export({ format: 'pem', type: 'pkcs8' })),
    privateKey.export({ format: 'der', type: 'pkcs8' }),
    rsa.export({ format: 'der', type: 'pkcs1' }),
  ])
    assertRejected(() => inspect(sample.pem, key, 'auto'), {
      private_key: 'private_key does not belong to the certificate in body.',
    })
})

test('An encrypted private key is opaque, which the strict policy rejects', () => {
  const encrypted = Buffer.from(
    sample.privateKey.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'secret' }),
  )
  assert.equal(inspect(sample.pem, encrypted, 'auto')?.notAfterMs, notAfter)
  assertRejected(() => inspect(sample.pem, encrypted, 'strict'), {
    private_key: `private_key must be an unencrypted private key in PEM or DER, of ${privateKeys}.`,
  })
})

test('A body that is not a certificate is opaque, which the strict policy rejects', () => {
  const broken = sample.pem.replace(/[A-Za-z0-9+/]{40}/, 'A'.repeat(40))
  for (const body of ['', 'test body', 'M', 'MIIB', broken, sample.pem.slice(0, 200), 'M'.repeat(400)]) {
    assert.equal(inspect(body, pkcs8, 'auto'), undefined)
    assertRejected(() => inspect(body, pkcs8, 'strict'), {
      body: `body must be an X.509 certificate in PEM or DER, ${certificateKeys}.`,
    })
  }
})

test('With the opaque policy nothing is parsed', () => {
  const { privateKey } = makeCertificate({ notBefore, notAfter })
  const key = Buffer.from(privateKey.export({ format: 'pem', type: 'pkcs8' }))
  assert.equal(inspect(sample.pem, key, 'opaque'), undefined)
})

test('Names that would break out of a line, a list or a terminal are escaped', () => {
  const hostile = makeCertificate({
    notBefore,
    notAfter,
    commonName: 'a\nO=evil, CN=b\u001b[31m',
    names: ['a.example, DNS:evil.example', 'b"c'],
  })
  const { subject, subject_alternative_names: names } = describe(hostile.pem).description
  assert.ok(subject.startsWith('CN=a'))
  assert.ok(!subject.includes('\n') && !subject.includes('\u001b'))
  assert.doesNotMatch(subject, /(^|[^\\]), CN=b/)
  assert.equal(names.length, 2, names.join(' | '))
})

test('A certificate with a changed byte is opaque, described or rejected, and nothing else', () => {
  fc.assert(
    fc.property(fc.nat(sample.der.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const der = Buffer.from(sample.der)
      der[at] = (der[at] ?? 0) ^ change
      try {
        const found = inspect(der.toString('base64'), pkcs8, 'auto')
        if (found !== undefined) assert.ok(Number.isSafeInteger(found.notAfterMs))
      } catch (error) {
        assert.ok(error instanceof AppError, String(error))
      }
    }),
    { numRuns: 500 },
  )
})

test('Alternative names are the values in the certificate, without the quoting of a library', () => {
  const names = ['spiffe://td/ns,a', 'b"c', 'x\\y', 'a.example, DNS:evil.example', 'urn://é', 'plain.example']
  const { subject_alternative_names: found } = describe(
    makeCertificate({ notBefore, notAfter, names }).pem,
  ).description
  const values = found.map((name) => name.replace(/^(DNS|URI):/, ''))
  assert.deepEqual(values.with(4, names[4] ?? ''), names)
  assert.doesNotMatch(found.join(), /\\u00|^URI:"/)
})

test('An alternative name begins with its kind as OpenSSL names it', () => {
  const upn = objectId(0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x14, 0x02, 0x03)
  const names = [
    'a.example',
    'https://a.example',
    tagged(0x81, 'a@example.com'),
    tagged(0x87, Buffer.from([192, 0, 2, 1])),
    tagged(0x87, Buffer.from('20010db8000000000000000000000001', 'hex')),
    tagged(0xa4, nameOf('x')),
    tagged(0x88, Buffer.from([0x2a, 0x03])),
    tagged(0xa0, Buffer.concat([upn, tagged(0xa0, tagged(0x0c, 'a@example.com'))])),
    tagged(0xa0, Buffer.concat([objectId(0x2a, 0x03), tagged(0xa0, tagged(0x0c, 'x'))])),
  ]
  assert.deepEqual(
    describe(makeCertificate({ notBefore, notAfter, names }).pem).description.subject_alternative_names,
    [
      'DNS:a.example',
      'URI:https://a.example',
      'email:a@example.com',
      'IP Address:192.0.2.1',
      'IP Address:2001:DB8:0:0:0:0:0:1',
      'DirName:CN=x',
      'Registered ID:1.2.3',
      'othername:UPN:a@example.com',
      'othername:<unsupported>',
    ],
  )
})

const ec = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const foreignKey = Buffer.from(ec().export({ format: 'pem', type: 'pkcs8' }))

const spellings: Readonly<Record<string, (pem: string) => string>> = {
  'CR LF as line end': (pem) => pem.replaceAll('\n', '\r\n'),
  'CR alone as line end': (pem) => pem.replaceAll('\n', '\r'),
  'no line end after the last line': (pem) => pem.trimEnd(),
  'indented lines': (pem) => pem.replace(/^/gm, '    '),
  'tabs and spaces after the lines': (pem) => pem.replaceAll('\n', ' \t \n'),
  'empty lines between the lines': (pem) => pem.replaceAll('\n', '\n\n'),
  'form feeds': (pem) => pem.replaceAll('\n', '\f\n'),
  'spaces instead of line ends': (pem) => pem.replaceAll('\n', ' '),
  'one long line': (pem) => pem.replace(/(?<=[\w+/=])\n(?=[\w+/=])/g, ''),
  'a byte order mark': (pem) => `\ufeff${pem}`,
  'text before and after': (pem) => `Bag Attributes\n  friendlyName: leaf\n${pem}\nthe end`,
  'text on the line of the label': (pem) => `leaf: ${pem}`,
  'another block before': (pem) =>
    `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${pem}`,
  'a block before that is not closed': (pem) => `-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n${pem}`,
  'header fields': (pem) => pem.replace('\n', '\nX-Origin: example\n\n'),
}
for (const [name, spell] of Object.entries(spellings))
  test(`A certificate and a key are found with ${name}, and a key of another certificate is refused`, () => {
    const { description } = describe(sample.pem)
    const body = spell(sample.pem)
    assert.deepEqual(describe(body).description, description)
    assert.deepEqual(inspect(body, Buffer.from(spell(String(pkcs8))), 'strict')?.description, description)
    assertRejected(() => inspect(body, Buffer.from(spell(String(foreignKey))), 'auto'), {
      private_key: 'private_key does not belong to the certificate in body.',
    })
  })

test('A scan of hostile text takes time in proportion to its length', () => {
  for (const unit of [
    '-',
    '-----',
    '-----BEGIN ',
    '-----BEGIN A-----',
    '-----BEGIN A-----\n-----END B-----',
    ':\n',
  ]) {
    const scan = (length: number) => {
      const text = unit.repeat(length / unit.length)
      const startMs = threadMs()
      assert.equal([...scanPem(text)].length, 0)
      return threadMs() - startMs
    }
    scan(10_000)
    assert.ok(scan(1_000_000) < 1_000, unit)
  }
})
