import type { KeyObject } from 'node:crypto'
import { elementAt, elementsIn, integer, objectId, octetString, sequence } from './ber.ts'
import type { Element } from './ber.ts'
import { searchFor } from './substring.ts'
import { parsePrivateKey } from './x509.ts'

/** How many encodings may lie over one another. */
const depthMax = 4
/** How many characters are read in all encodings together, per character of the text; only a text made for it has more. */
const workMax = 8
/** Random bytes have no printable text of this length, and no key is shorter. */
const printableMin = 32
/** A shorter secret may be part of a text by chance. */
const secretBytesMin = 8

/**
 * Whether a text holds a private key, in any of the formats of PEM, PKCS #1, #8 and #12, SEC 1, SSH, PuTTY, JSON Web Keys, XML and the key
 * stores of Java and Windows, whatever its label and the text around it; encoded up to four times over by base64, hexadecimal, percent,
 * entities of HTML, escapes of JSON and C, quoted-printable, numbers or a dump of xxd, hexdump or od. The same if it holds the given secret, which is any
 * bytes, or the private value of the key that they are. Takes time in proportion to the text; one that is made to take more is
 * taken for a key.
 */
export function holdsPrivateKey(text: string, secret: Uint8Array = new Uint8Array()): boolean {
  if (isSecret(text, secret)) return true
  const searches = secretsOf(secret).map(searchOf)
  const holdsSecret = (bytes: Buffer) => searches.some((isIn) => isIn(bytes)) || holdsKeyBytes(bytes)
  const seen = new Set(['', text])
  let work = workMax * (text.length + printableMin)
  let layers = [text]
  for (let depth = 0; depth <= depthMax && layers.length > 0; depth += 1) {
    const inner: string[] = []
    for (const layer of layers) {
      work -= layer.length
      if (work < 0) return true
      const plain = plainTextOf(layer)
      if (isKeyText(plain) || holdsSecret(bytesOf(layer))) return true
      if (plain !== layer && holdsSecret(bytesOf(plain))) return true
      const bytes = decodingsOf(plain, layer)
      if (holdsSecret(bytes)) return true
      const found = [withoutEscapes(layer), printableIn(bytes)]
      inner.push(...found.filter((one) => !seen.has(one)))
      for (const one of found) seen.add(one)
    }
    layers = inner
  }
  return false
}

/** Whether the text is the secret or its base64. */
function isSecret(text: string, secret: Uint8Array): boolean {
  if (secret.length === 0) return false
  return (
    Buffer.from(text.trim()).equals(secret) ||
    text.replace(/\s+/g, '') === Buffer.from(secret).toString('base64')
  )
}

/** A search that begins with the first bytes alone, which the runtime finds faster, and in bounded time since they are few. */
function searchOf(secret: Uint8Array): (bytes: Buffer) => boolean {
  const start = secret.subarray(0, 16)
  const isIn = searchFor(secret)
  return (bytes) => bytes.includes(start) && isIn(bytes)
}

/** The secret and, if it is a key that can be parsed, its private value. */
function secretsOf(secret: Uint8Array): Uint8Array[] {
  const key = secret.length < secretBytesMin ? undefined : parsePrivateKey(secret)
  return [secret, privateValueOf(key)].filter((bytes) => bytes.length >= secretBytesMin)
}

/** Of a kind of key that JSON Web Keys have. */
function privateValueOf(key: KeyObject | undefined): Buffer {
  try {
    return Buffer.from(key?.export({ format: 'jwk' }).d ?? '', 'base64')
  } catch {
    return Buffer.alloc(0)
  }
}

/** The bytes that a text is, if its characters are bytes. */
function bytesOf(text: string): Buffer {
  return Buffer.from(text, /[^\0-\xff]/.test(text) ? 'utf8' : 'latin1')
}

/**
 * In ASCII, without what is not seen, escapes any text, or stands in the tags of elements besides their names. Letters that look like those of
 * ASCII only are lost with all others.
 */
function plainTextOf(text: string): string {
  const ascii = /[^\t\n\r -~]/.test(text)
    ? text
        .replace(/\p{Dash}/gu, '-')
        .replace(/\p{Zs}/gu, ' ')
        .replace(/[^\t\n\r -~\uff01-\uff5e\u{1d400}-\u{1d7ff}]+/gu, '')
        .normalize('NFKC')
    : text
  const unescaped = ascii.replaceAll('\\', '')
  return unescaped.includes('<') ? unescaped.replace(/(<[\w.:-]{1,64})\s[^<>]{0,200}>/g, '$1>') : unescaped
}

const escapes =
  /%(?:25)*([\da-f]{2})|&(?:amp;)*#(?:x([\da-f]{1,6})|(\d{1,7}));?|&(?:amp;)*([a-z]{2,8});|\\(?:u([\da-f]{4})|u\{([\da-f]{1,6})\}|x([\da-f]{1,2})|([0-3]?[0-7]{1,2})|[nrt])|=(?:([\da-f]{2})|\r?\n)/gi

const entities: Readonly<Record<string, string>> = {
  amp: '&',
  apos: "'",
  colon: ':',
  dash: '-',
  equals: '=',
  gt: '>',
  hyphen: '-',
  lowbar: '_',
  lt: '<',
  plus: '+',
  quot: '"',
  sol: '/',
}

/** What percent-encoding, character references, escapes and quoted-printable stand for, each once. */
function withoutEscapes(text: string): string {
  return text.replace(escapes, (found, ...groups: readonly (string | undefined)[]) => {
    const [percent, reference, decimal, name, unit, point, byte, octal, quoted] = groups
    if (name !== undefined) return entities[name.toLowerCase()] ?? ''
    if (decimal !== undefined) return characterOf(Number(decimal))
    if (octal !== undefined) return characterOf(Number.parseInt(octal, 8))
    const hex = percent ?? reference ?? unit ?? point ?? byte ?? quoted
    if (hex !== undefined) return characterOf(Number.parseInt(hex, 16))
    return found.startsWith('=') ? '' : '\n'
  })
}

function characterOf(point: number): string {
  return point <= 0x10ffff ? String.fromCodePoint(point) : ''
}

/**
 * What the text is in base64, in hexadecimal and in numbers, one after the other. All that is no digit is left out, and each of the
 * first digits may be the first of a group, so that neither white space, punctuation and labels nor other base64 hide anything.
 */
function decodingsOf(text: string, original: string): Buffer {
  const content = text.includes('<') ? text.replace(/<[^<>]{0,200}>/g, '') : text
  const base64 = content.replace(/(?<![A-Za-z\d+/])[+/]+(?![A-Za-z\d+/])/g, '').replace(/[^A-Za-z\d+/]+/g, '')
  const isUrl = /(?<!-)-{1,4}(?!-)|_/.test(content)
  const base64Url = isUrl ? content.replace(/[^\w-]+|-{5,}/g, '') : ''
  const isHex = /(?:[\da-f]{2}[^\da-z]{0,8}(?:0x)?){12}/i.test(text)
  const hex = isHex ? hexDigitsOf(text) : ''
  // The characters beside a dump may look like tags, with which bytes would be left out.
  const inner = isHex ? withoutMargins(original) : original
  const dump = inner === original ? '' : hexDigitsOf(inner)
  const isList = /[\da-f]\s{0,8}[,;\s]\s{0,8}-?\d/i.test(text)
  const numbers = isList ? (text.match(/-?\b(?:0x[\da-f]{1,2}|\d{1,3})\b/gi) ?? []).map(Number) : []
  const decodings = [
    ...[0, 1, 2, 3].flatMap((at) =>
      [base64, base64Url].map((digits) => Buffer.from(digits.slice(at), 'base64')),
    ),
    ...[0, 1].flatMap((at) => [hex, dump].map((digits) => Buffer.from(digits.slice(at), 'hex'))),
    Buffer.from(numbers),
  ]
  // A byte that is not printable keeps the texts in them apart.
  return Buffer.concat(decodings.flatMap((bytes) => [bytes, apart]))
}

const apart = Buffer.from([1])

function hexDigitsOf(text: string): string {
  return text.replace(/0x/gi, '').replace(/[^\da-f]+/gi, '')
}

/** A dump of xxd, hexdump or od, without the offset before each line, and the characters behind it. */
function withoutMargins(text: string): string {
  return text.replace(
    /^[ \t]{0,8}[\da-f]{4,16}(?:(:[ \t])|[ \t]{1,4})(.*)$/gim,
    (_, colon?: string, rest = '') => {
      const end = String(rest).indexOf(colon === undefined ? '|' : '  ')
      return end < 0 ? rest : rest.slice(0, end)
    },
  )
}

/** The printable texts in bytes, also if they are of two or four bytes per character, one per line. */
function printableIn(bytes: Buffer): string {
  const found: string[] = []
  for (let at = printableMin - 1; at < bytes.length; at += printableMin) {
    if (!isPrintable(bytes[at])) continue
    let start = at
    while (isPrintable(bytes[start - 1])) start -= 1
    let end = at + 1
    while (isPrintable(bytes[end])) end += 1
    if (end - start >= printableMin) found.push(bytes.toString('latin1', start, end).replaceAll('\0', ''))
    at += Math.floor((end - 1 - at) / printableMin) * printableMin
  }
  return found.join('\n')
}

function isPrintable(byte: number | undefined): boolean {
  if (byte === undefined) return false
  return (byte >= 0x20 && byte <= 0x7e) || byte === 0 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

/** Texts of which one is a private key, well-formed or not; of two, both are in it. */
const keyTexts: readonly (readonly RegExp[])[] = [
  [/--[ \t]{0,8}BEGIN[^-\r\n]{0,64}PRIVATE[\s_-]{0,8}KEY/i],
  [/----\s{0,8}BEGIN[^-]{0,64}PRIVATE[\s_-]{0,8}KEY/i],
  // Only private keys are encrypted in this way (RFC 1421, 4.6.1).
  [/Proc-Type:\s{0,8}4\s?,\s{0,8}ENCRYPTED/i],
  [/PuTTY-User-Key-File-|Private-Lines:\s?\d/i],
  [/Private-key-format:\s?v\d/i],
  // As OpenSSL prints keys.
  [/\bpriv(?:ate)?[ _-]?(?:exponent|key)?:\s{0,32}(?:[\da-f]{2}[\s:]{1,32}){16}/i],
  // JSON Web Keys (RFC 7518, 6) and RSAKeyValue; then DSAKeyValue (XML Signature, 6.4).
  [
    /\b(?:kty|crv|modulus)\b/i,
    /(?<![\w+/-])(?:[dkpq]|d[pq]|qi|priv|inverseq)["']?\s{0,8}[:>]\s{0,8}["']?[\w+/-]{8}/i,
  ],
  [/DSAKeyValue/i, /(?<![\w+/-])x>\s{0,8}[\w+/]{8}/i],
]

/** One of these is in each, and in few other texts. */
const keyWord = /priv|putty|proc-type|kty|crv|modulus|dsakeyvalue/i

function isKeyText(text: string): boolean {
  return keyWord.test(text) && keyTexts.some((patterns) => patterns.every((pattern) => pattern.test(text)))
}

/** What key files begin with that are not DER: those of OpenSSH, SSH Communications, OpenSSL and Windows, and the stores of Java. */
const magicNumbers = [
  Buffer.from('openssh-key-v1\0'),
  Buffer.from('3f6ff9eb', 'hex'),
  Buffer.from('1ef1b5b000000000', 'hex'),
  Buffer.from('feedfeed00000002', 'hex'),
  Buffer.from('cececece00000002', 'hex'),
  Buffer.from('0702000000a40000525341', 'hex'),
]

const oids = {
  pkcs5: Buffer.from('2a864886f70d0105', 'hex'),
  pkcs7: Buffer.from('2a864886f70d0107', 'hex'),
  pkcs12Pbe: Buffer.from('2a864886f70d010c01', 'hex'),
}

/** Whether there is a private key in bytes, at any place. */
function holdsKeyBytes(bytes: Buffer): boolean {
  for (let at = bytes.indexOf(sequence); at >= 0; at = bytes.indexOf(sequence, at + 1))
    if (isKeyAt(bytes, at)) return true
  return magicNumbers.some((number) => bytes.includes(number))
}

function isKeyAt(bytes: Buffer, at: number): boolean {
  const outer = bytes[at] === sequence ? elementAt(bytes, at) : undefined
  const first = outer && elementAt(bytes, outer.start)
  // EncryptedPrivateKeyInfo (RFC 5958, 3)
  if (first?.tag === sequence)
    return (
      hasOid(bytes, first, [oids.pkcs5, oids.pkcs12Pbe]) && elementAt(bytes, first.end)?.tag === octetString
    )
  if (outer === undefined || first?.tag !== integer || first.end - first.start !== 1) return false
  const version = bytes[first.start] ?? 0
  const [second, ...others] = elementsIn(bytes, { ...outer, start: first.end })
  if (second === undefined) return false
  // PFX (RFC 7292, 4)
  if (version === 3) return hasOid(bytes, second, [oids.pkcs7])
  if (version > 1) return false
  // OneAsymmetricKey (RFC 5958, 2)
  if (second.tag === sequence) return others[0]?.tag === octetString && hasOid(bytes, second)
  // RSAPrivateKey (RFC 8017, A.1.2), and that of DSA in OpenSSL
  const length = second.end - second.start
  if (second.tag === integer)
    return length >= 32 && others.length === 3 && others.every(({ tag }) => tag === integer)
  // ECPrivateKey (RFC 5915, 3)
  const [next] = others
  const isEnd = next === undefined ? second.end === outer.end : next.tag === 0xa0 || next.tag === 0xa1
  return version === 1 && second.tag === octetString && length >= 16 && length <= 72 && isEnd
}

/** Whether a sequence begins with an object identifier, which begins with one of these if they are given. */
function hasOid(bytes: Buffer, outer: Element, prefixes: readonly Buffer[] = [Buffer.alloc(0)]): boolean {
  const oid = outer.tag === sequence ? elementAt(bytes, outer.start) : undefined
  if (oid?.tag !== objectId) return false
  return prefixes.some((prefix) => bytes.subarray(oid.start, oid.start + prefix.length).equals(prefix))
}
