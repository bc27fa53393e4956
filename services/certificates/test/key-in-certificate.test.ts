import assert from 'node:assert/strict'
import { test } from 'node:test'
import { holdsPrivateKey } from '../src/private-key-search.ts'
import { objectId, octets, sequence, tagged } from '@quintet/chassis/x509/der'
import { makeCertificate } from './make-certificate.ts'
import { certificate, ec, ed25519, jwkOf, keyOf, pemOf, rsa, validity } from './private-keys.ts'

const keysInBytes: Readonly<Record<string, Buffer>> = {
  'Ed25519 in PKCS #8': ed25519.export({ format: 'der', type: 'pkcs8' }),
  'P-256 in SEC 1': ec.export({ format: 'der', type: 'sec1' }),
  'RSA in PKCS #1': rsa.export({ format: 'der', type: 'pkcs1' }),
}

const keysInTexts: Readonly<Record<string, string>> = {
  'a JSON Web Key': JSON.stringify(jwkOf(keyOf('P-256'))),
  ...Object.fromEntries(
    Object.entries(keysInBytes).flatMap(([name, bytes]) => [
      [`${name} in base64`, bytes.toString('base64')],
      [`${name} in base64 for URLs`, bytes.toString('base64url')],
      [`${name} in hexadecimal`, bytes.toString('hex')],
      [`${name} in numbers`, Array.from(bytes).join(' ')],
      [`${name} in PEM`, pemOf('PRIVATE KEY', bytes)],
    ]),
  ),
}

const [before, after] = [certificate.der.subarray(0, 100), certificate.der.subarray(100)]
const named = (...names: readonly (string | Buffer)[]) => makeCertificate({ ...validity, names }).der

/** The DER of a certificate that has some bytes in one of its parts. */
const parts: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  'an alternative name': (bytes) => named('example.com', tagged(0x86, bytes)),
  'an alternative name of another kind': (bytes) => named(tagged(0xa0, sequence(octets(bytes)))),
  'the bytes behind the certificate': (bytes) => Buffer.concat([certificate.der, bytes]),
  'the bytes before the certificate': (bytes) => Buffer.concat([bytes, certificate.der]),
  'its middle': (bytes) => Buffer.concat([before, bytes, after]),
  'a common name': (bytes) =>
    sequence(named('a.example'), tagged(0x31, sequence(objectId(0x55, 0x04, 0x03), tagged(0x0c, bytes)))),
}

const { pem } = certificate
const [firstLine = '', ...otherLines] = pem.split('\n')
/** A text in PEM that has another in one of its places. */
const places: Readonly<Record<string, (text: string) => string>> = {
  'before the block': (text) => `${text}\n${pem}`,
  'behind the block': (text) => pem + text,
  'between two blocks': (text) => `${pem}${text}\n${pem}`,
  'in a field of the header': (text) =>
    [firstLine, `Comment: ${text.replaceAll('\n', ' ')}`, '', ...otherLines].join('\n'),
  'in the lines of the block': (text) => [firstLine, text, ...otherLines].join('\n'),
  'behind the padding': (text) => pem.replace('\n-----END', `==\n${text}\n-----END`),
}

const found = (texts: Iterable<readonly [name: string, text: string]>, isFound: boolean) => {
  for (const [name, text] of texts) assert.equal(holdsPrivateKey(text), isFound, name)
}

test('A private key is found in every part of the DER of a certificate, in bytes and as a text', () => {
  const all = {
    ...keysInBytes,
    ...Object.fromEntries(
      Object.entries(keysInTexts).map(([name, text]) => [name, Buffer.from(`\n${text}\n`)]),
    ),
  }
  for (const [part, derWith] of Object.entries(parts))
    for (const [kind, bytes] of Object.entries(all)) {
      const der = derWith(bytes)
      found(
        [pemOf('CERTIFICATE', der), pem + pemOf('CERTIFICATE', der), der.toString('base64')].map((text) => [
          `${kind} in ${part}`,
          text,
        ]),
        true,
      )
    }
  for (const derWith of Object.values(parts))
    found([['', pemOf('CERTIFICATE', derWith(Buffer.from('http://example.com/a'.repeat(4))))]], false)
})

test('A private key is found in every place of a text in PEM', () => {
  for (const [place, textWith] of Object.entries(places)) {
    found(
      Object.entries(keysInTexts).map(([kind, text]) => [`${kind} ${place}`, textWith(text)]),
      true,
    )
    found([[place, textWith('a text about it')]], false)
  }
})

test('A private key is found whose base64 is a part of that of a certificate, wherever it begins', () => {
  for (const [kind, key] of Object.entries(keysInBytes))
    for (const shift of [0, 1, 2, 3]) {
      const digits = key.toString('base64').replaceAll('=', '')
      const bytes = Buffer.from(`${'A'.repeat(shift)}${digits}AAAA`, 'base64')
      const texts = [0, 1, 2, 3, 4, 5]
        .map((more) => pemOf('CERTIFICATE', named(tagged(0x86, Buffer.concat([Buffer.alloc(more), bytes])))))
        .filter((text) => text.replaceAll('\n', '').includes(digits))
      assert.ok(texts.length > 0)
      found(
        texts.map((text) => [`${kind} from ${shift}`, text]),
        true,
      )
    }
})
