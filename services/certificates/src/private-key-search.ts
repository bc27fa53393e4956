import type { KeyObject } from 'node:crypto'
import { bytesOf, decodingsOf, plainTextOf, printableIn, printableMin, withoutEscapes } from './decodings.ts'
import { holdsKeyBytes } from './key-bytes.ts'
import { searchFor } from './substring.ts'
import { parsePrivateKey } from './x509.ts'

/** How deep encodings may be nested. */
const depthMax = 4
/** How many characters are read in all decodings together, per character of the text; only a text made for it has more. */
const workMax = 8
/** A shorter secret may be part of a text by chance. */
const secretBytesMin = 8

/**
 * Whether a text holds a private key, in any of the formats of PEM, PKCS #1, #8 and #12, SEC 1, SSH, PuTTY, JSON Web Keys, XML and the key
 * stores of Java and Windows, whatever its label and the text around it; encoded up to four times over by base64, hexadecimal, percent,
 * entities of HTML, escapes of JSON and C, quoted-printable, numbers or a dump of xxd, hexdump or od. Also whether it holds the given
 * secret, which is any bytes, or its private value if the secret is a key. Takes time in proportion to the text; true for a text that
 * would take more, which is made for that.
 */
export function holdsPrivateKey(text: string, secret: Uint8Array = new Uint8Array()): boolean {
  if (isSecret(text, secret)) return true
  const searches = secretsOf(secret).map(searchOf)
  const holdsKey = (bytes: Buffer) => searches.some((isIn) => isIn(bytes)) || holdsKeyBytes(bytes)
  const seen = new Set(['', text])
  let work = workMax * (text.length + printableMin)
  let layers = [text]
  for (let depth = 0; depth <= depthMax && layers.length > 0; depth += 1) {
    const inner: string[] = []
    for (const layer of layers) {
      work -= layer.length
      if (work < 0) return true
      const plain = plainTextOf(layer)
      const texts = plain === layer ? [layer] : [layer, plain]
      if (isKeyText(plain) || texts.some((one) => holdsKey(bytesOf(one)))) return true
      const decoded = decodingsOf(plain, layer)
      if (holdsKey(decoded)) return true
      const found = [withoutEscapes(layer), printableIn(decoded)].filter((one) => !seen.has(one))
      inner.push(...found)
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

/** A text is a private key, well-formed or not, if all patterns of a row match. */
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

/** Every such text has one of these, and few other texts do, so they are tried first. */
const keyWord = /priv|putty|proc-type|kty|crv|modulus|dsakeyvalue/i

function isKeyText(text: string): boolean {
  return keyWord.test(text) && keyTexts.some((patterns) => patterns.every((pattern) => pattern.test(text)))
}
