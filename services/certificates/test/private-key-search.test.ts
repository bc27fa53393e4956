import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { rootCertificates } from 'node:tls'
import { test } from 'node:test'
import fc from 'fast-check'
import { holdsPrivateKey } from '../src/private-key-search.ts'
import { bits, integer, nameOf, objectId, octets, sequence, small, tagged, time } from './der.ts'
import { makeCertificate, signatureAlgorithm } from './make-certificate.ts'

const validity = { notBefore: Date.UTC(2030, 0, 1), notAfter: Date.UTC(2030, 3, 1) }
const certificate = makeCertificate(validity)
const cipher = { cipher: 'aes-256-cbc', passphrase: 'secret' } as const

const keys: Readonly<Record<string, KeyObject>> = {
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
const [rsa, ec, ed25519] = [keyOf('RSA 1024'), keyOf('P-256'), keyOf('Ed25519')]

function keyOf(name: string): KeyObject {
  const key = keys[name]
  assert.ok(key !== undefined)
  return key
}

const large = () => integer(Buffer.concat([Buffer.from([0x40]), randomBytes(127)]))
const pkcs7Data = objectId(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01)
const magic = (hex: string) => Buffer.concat([Buffer.from(hex, 'hex'), randomBytes(200)])
const wire = (...texts: readonly string[]) =>
  Buffer.concat(texts.flatMap((text) => [Buffer.from([0, 0, 0, text.length]), Buffer.from(text)]))

/** Keys in bytes: the DER of each kind, encrypted or not, and other formats. */
const keysInBytes: Readonly<Record<string, Buffer>> = {
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
  'a blob of Windows': magic('0702000000a4000052534132'),
  'a key store of Java': magic('feedfeed00000002'),
  'a key store of Java with secret keys': magic('cececece00000002'),
}

const pemOf = (label: string, bytes: Buffer) =>
  `-----BEGIN ${label}-----\n${bytes.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END ${label}-----\n`
const jwkOf = (key: KeyObject): Record<string, unknown> => ({ ...key.export({ format: 'jwk' }) })
const base64Of = (url: unknown) => Buffer.from(String(url), 'base64').toString('base64')
const rsaXml = (names: Readonly<Record<string, string>>) =>
  `<RSAKeyValue>${Object.entries(names)
    .map(([name, member]) => `<${name}>${base64Of(jwkOf(rsa)[member])}</${name}>`)
    .join('')}</RSAKeyValue>`
const publicXml = { Modulus: 'n', Exponent: 'e' }
const hexLines = (bytes: Buffer) => bytes.toString('hex').replace(/../g, '$&:').replace(/.{45}/g, '    $&\n')
const exponent = Buffer.from(String(jwkOf(rsa).d), 'base64url')

/** Keys in texts of their own, most of them not found by what is in their base64. */
const keysInTexts: Readonly<Record<string, string>> = {
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

type Wrap<T> = Readonly<Record<string, (value: T) => string>>

/** Lines of sixteen bytes each; `at` gives the offset in as many digits. */
function dumpOf(bytes: Buffer, lineOf: (line: Buffer, at: (digits: number) => string) => string): string {
  const offsets = Array.from({ length: Math.ceil(bytes.length / 16) }, (_, i) => 16 * i)
  return offsets
    .map((offset) =>
      lineOf(bytes.subarray(offset, offset + 16), (digits) => offset.toString(16).padStart(digits, '0')),
    )
    .join('\n')
}
const spaced = (line: Buffer) => line.toString('hex').replace(/../g, '$& ')
const shown = (line: Buffer) => line.toString('latin1').replace(/[^ -~]/g, '.')

/** What is done to bytes to have them in a text. */
const ofBytes: Wrap<Buffer> = {
  base64: (bytes) => bytes.toString('base64'),
  'base64 in lines': (bytes) => bytes.toString('base64').replace(/.{76}/g, '$&\r\n'),
  'base64 in the alphabet of URLs': (bytes) => bytes.toString('base64url'),
  'base64 behind letters': (bytes) => `keyABC${bytes.toString('base64')}`,
  'base64 behind a certificate': (bytes) => certificate.pem + bytes.toString('base64'),
  'base64 amid a text': (bytes) => `the key is ${bytes.toString('base64')}, and so on`,
  'base64 of more than the key': (bytes) =>
    Buffer.concat([certificate.der, bytes, randomBytes(5)]).toString('base64'),
  'base64 in JSON': (bytes) => JSON.stringify({ name: 'a', value: bytes.toString('base64') }),
  'base64 in strings of a program': (bytes) => bytes.toString('base64').replace(/.{60}/g, '"$&" +\n  '),
  'base64 in XML': (bytes) => `<a><b>${bytes.toString('base64').replace(/.{60}/g, '$&<br/>')}</b></a>`,
  'PEM of a certificate': (bytes) => pemOf('CERTIFICATE', bytes),
  'PEM without a kind': (bytes) => pemOf('KEY', bytes),
  'PEM of PKCS #12': (bytes) => pemOf('PKCS12', bytes),
  'PEM of any other kind': (bytes) => pemOf('SOMETHING ELSE', bytes),
  'PEM behind a certificate': (bytes) => certificate.pem + pemOf('CERTIFICATE', bytes),
  hexadecimal: (bytes) => bytes.toString('hex'),
  'hexadecimal in capitals': (bytes) => `0x${bytes.toString('hex').toUpperCase()}`,
  'hexadecimal with colons': (bytes) => hexLines(bytes),
  'hexadecimal in an array': (bytes) => `{ ${bytes.toString('hex').replace(/../g, '0x$&, ')}}`,
  'hexadecimal escapes': (bytes) => bytes.toString('hex').replace(/../g, '\\x$&'),
  'octal escapes': (bytes) => Array.from(bytes, (byte) => `\\${byte.toString(8).padStart(3, '0')}`).join(''),
  'octal escapes of as few digits as possible': (bytes) =>
    Array.from(bytes, (byte) => `\\${byte.toString(8)}`).join(''),
  'hexadecimal escapes of as few digits as possible': (bytes) =>
    Array.from(bytes, (byte) => `\\x${byte.toString(16)}`).join(''),
  'hexadecimal numbers in capitals': (bytes) => bytes.toString('hex').toUpperCase().replace(/../g, '0X$&, '),
  'hexadecimal numbers of as few digits as possible': (bytes) =>
    Array.from(bytes, (byte) => `0x${byte.toString(16)}`).join(', '),
  'a dump of xxd': (bytes) =>
    dumpOf(
      bytes,
      (line, at) => `${at(8)}: ${line.toString('hex').replace(/.{4}/g, '$& ').padEnd(41)} ${shown(line)}`,
    ),
  'a dump of xxd by bytes': (bytes) =>
    dumpOf(bytes, (line, at) => `${at(8)}: ${spaced(line).padEnd(48)} ${shown(line)}`),
  'a dump of hexdump': (bytes) =>
    dumpOf(
      bytes,
      (line, at) =>
        `${at(8)}  ${spaced(line.subarray(0, 8)).padEnd(24)} ${spaced(line.subarray(8)).padEnd(24)} |${shown(line)}|`,
    ),
  'a dump of od in decimal': (bytes) =>
    dumpOf(bytes, (line) => Array.from(line, (byte) => String(byte).padStart(4)).join('')),
  'a dump of od in decimal with offsets': (bytes) =>
    dumpOf(bytes, (line, at) => at(7) + Array.from(line, (byte) => String(byte).padStart(4)).join('')),
  'numbers between spaces': (bytes) => Array.from(bytes).join(' '),
  'numbers between tabs': (bytes) => Array.from(bytes).join('\t'),
  'numbers in lines': (bytes) => Array.from(bytes).join('\n'),
  'numbers between semicolons': (bytes) => Array.from(bytes).join(';'),
  'numbers in JSON': (bytes) => JSON.stringify(bytes),
  'signed numbers': (bytes) => `{${Array.from(new Int8Array(bytes)).join(', ')}}`,
  'percent-encoded bytes': (bytes) => bytes.toString('hex').replace(/../g, '%$&'),
  'a data URL': (bytes) => `data:application/octet-stream;base64,${bytes.toString('base64')}`,
  'a data URL, percent-encoded': (bytes) =>
    `data:application/pkcs8;base64,${encodeURIComponent(bytes.toString('base64'))}`,
  'escapes of JSON': (bytes) => bytes.toString('hex').replace(/../g, '\\u00$&'),
}

/** What is done to a text to hide it in another. */
const ofTexts: Wrap<string> = {
  nothing: (text) => text,
  'a text around it': (text) => `# the key\n\n${text}\nand so on`,
  'a certificate before it': (text) => certificate.pem + text,
  'CR as line end': (text) => text.replaceAll('\n', '\r'),
  'characters without width': (text) =>
    text.replace(/[^\s-]{2}/g, '$&\u200b').replaceAll(' ', ' \u2060\u00ad'),
  'letters of full width': (text) =>
    text.replace(/[!-~]/g, (c) => String.fromCharCode(c.charCodeAt(0) + 0xfee0)),
  'other dashes': (text) => text.replaceAll('-----', '\u2010\u2011\u2012\u2013\u2014'),
  'more space in labels': (text) => text.replaceAll(/PRIVATE KEY/g, 'PRIVATE \t KEY'),
  'no-break spaces': (text) => text.replaceAll(' ', '\u00a0'),
  'percent-encoding': (text) => encodeURIComponent(text).replaceAll('-', '%2D'),
  'percent-encoding of everything': (text) => Buffer.from(text).toString('hex').replace(/../g, '%$&'),
  'percent-encoding, three times': (text) => encodeURIComponent(encodeURIComponent(encodeURIComponent(text))),
  'decimal entities': (text) => text.replace(/[-"<]/g, (c) => `&#${c.charCodeAt(0)};`),
  'hexadecimal entities': (text) => text.replace(/./gs, (c) => `&#x${c.charCodeAt(0).toString(16)};`),
  'named entities': (text) =>
    text.replace(/[<>"&]/g, (c) => ({ '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? '&amp;'),
  JSON: (text) => JSON.stringify({ name: 'a', text }),
  'JSON in JSON': (text) => JSON.stringify({ text: JSON.stringify({ text }) }),
  'escapes of JSON': (text) => text.replace(/[A-Za-z]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`),
  'quoted-printable': (text) =>
    text
      .replace(/[=-]/g, (c) => `=${c.charCodeAt(0).toString(16).toUpperCase()}`)
      .replace(/.{70}/g, '$&=\r\n'),
  base64: (text) => Buffer.from(text).toString('base64'),
  'base64, twice': (text) => Buffer.from(Buffer.from(text).toString('base64')).toString('base64'),
  'base64, four times': (text) => [1, 2, 3, 4].reduce((inner) => Buffer.from(inner).toString('base64'), text),
  'base64 of UTF-16': (text) => Buffer.from(text, 'utf16le').toString('base64'),
  hexadecimal: (text) => Buffer.from(text).toString('hex'),
  'base64 of hexadecimal': (text) => Buffer.from(Buffer.from(text).toString('hex')).toString('base64'),
  'base64 in a data URL': (text) =>
    `data:application/x-pem-file;base64,${Buffer.from(text).toString('base64')}`,
  'base64 behind a certificate': (text) => certificate.pem + Buffer.from(text).toString('base64'),
  'base64 in JSON, percent-encoded': (text) =>
    encodeURIComponent(JSON.stringify({ data: Buffer.from(text).toString('base64') })),
}

function* wrapped(
  inBytes: Readonly<Record<string, Buffer>>,
  inTexts: Readonly<Record<string, string>>,
): Generator<[name: string, text: string]> {
  for (const [kind, bytes] of Object.entries(inBytes))
    for (const [way, wrap] of Object.entries(ofBytes)) {
      const text = wrap(bytes)
      yield [`${kind} as ${way}`, text]
      if (/^[\0-~]*$/.test(text)) yield [`${kind} as ${way}, in base64`, Buffer.from(text).toString('base64')]
    }
  for (const [kind, text] of Object.entries(inTexts))
    for (const [way, wrap] of Object.entries(ofTexts)) yield [`${kind} with ${way}`, wrap(text)]
}

test('A private key of every kind is found in every wrapping', () => {
  const missed = [...wrapped(keysInBytes, keysInTexts)].filter(([, text]) => !holdsPrivateKey(text))
  assert.deepEqual(
    missed.map(([name]) => name),
    [],
  )
})

test('A private key is found in a dump with offsets of any length, and a certificate is not reported as one', () => {
  for (const digits of [4, 6, 7, 8, 16]) {
    const dump = (bytes: Buffer) => dumpOf(bytes, (line, at) => `${at(digits)} ${spaced(line)}`)
    for (const [kind, bytes] of Object.entries(keysInBytes))
      assert.equal(holdsPrivateKey(dump(bytes)), true, `${kind}, ${digits}`)
    assert.equal(holdsPrivateKey(dump(certificate.der)), false)
  }
})

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

test('The secret itself is found in every wrapping, whatever it is, and so is the private value of a key', () => {
  const secret = Buffer.from('correct horse battery staple')
  const asText = [...wrapped({ secret }, { secret: secret.toString() })]
  const value = Buffer.from(String(jwkOf(ec).d), 'base64url')
  const asKey = [...wrapped({ 'the private value': value }, {})]
  for (const [name, text] of asText) {
    assert.equal(holdsPrivateKey(text, secret), true, name)
    assert.equal(holdsPrivateKey(text, randomBytes(28)), false, name)
  }
  for (const [name, text] of asKey)
    for (const encoded of [
      ec.export({ format: 'der', type: 'pkcs8' }),
      ec.export({ format: 'der', type: 'sec1' }),
      Buffer.from(ec.export({ format: 'pem', type: 'pkcs8' })),
    ])
      assert.equal(holdsPrivateKey(text, encoded), true, name)
})

test('A short secret is found only where the whole text is it', () => {
  const secret = Buffer.from('key')
  for (const text of ['key', ' key\n', 'a2V5', 'a2V\n5'])
    assert.equal(holdsPrivateKey(text, secret), true, text)
  for (const text of ['the key', 'keys', 'a2V5a2V5', '6b6579'])
    assert.equal(holdsPrivateKey(text, secret), false, text)
})

test('A search takes time in proportion to the text, whatever it is', () => {
  const units = [
    'a',
    '0',
    '30',
    'MDAw',
    'ICAg',
    'eXV5',
    '%25',
    '%2525',
    '\\',
    '\\u0064',
    '&amp;',
    '&#45;',
    '<',
    '<D ',
    '-',
    '----BEGIN ',
    'PRIVATE ',
    'priv: ',
    'kty d',
    'DSAKeyValue x ',
    '=\n',
    '0x30,',
    '1, ',
    '\uff2d',
    '\ufdfa',
    '\u{1d400}',
    '\u200b-',
    '30 ',
    '\u0000',
    'MDICAQA=',
    'MIACAQMwgA==',
  ]
  for (const unit of [...units, ...units.map((one) => Buffer.from(one).toString('base64'))]) {
    const text = unit.repeat(Math.ceil(200_000 / unit.length))
    const startedAt = performance.now()
    holdsPrivateKey(text)
    assert.ok(
      performance.now() - startedAt < 1_000,
      `${JSON.stringify(unit)} takes ${performance.now() - startedAt} ms`,
    )
  }
})

/** Pairs of a secret and a text in base64 whose comparison at each place goes far before it fails. */
const nearlyEqual: readonly (readonly [secret: Buffer, text: Buffer])[] = [
  [Buffer.concat([Buffer.alloc(20_000), Buffer.from([2]), Buffer.alloc(20_000)]), Buffer.alloc(150_000)],
  [Buffer.concat([Buffer.from([2]), Buffer.alloc(40_000)]), Buffer.alloc(150_000)],
  [Buffer.concat([Buffer.alloc(40_000), Buffer.from([2])]), Buffer.alloc(150_000)],
  [Buffer.from(`${'ab'.repeat(20_000)}b`), Buffer.from('ab'.repeat(75_000))],
  [Buffer.from(`${'a'.repeat(20_000)}b${'a'.repeat(20_000)}`), Buffer.from('a'.repeat(150_000))],
]

test('A search for a secret takes time in proportion to it and the text, whatever both are', () => {
  for (const [secret, text] of nearlyEqual)
    for (const body of [text.toString('base64'), text.toString('latin1'), text.toString('hex')]) {
      const startedAt = performance.now()
      assert.equal(holdsPrivateKey(body, secret), false)
      assert.ok(performance.now() - startedAt < 1_000, `${performance.now() - startedAt} ms`)
    }
})
