import { kinds, kindsIn } from './character-kinds.ts'
import { bytesOf, decodingsOf, plainTextOf, printableIn, printableMin, withoutEscapes } from './decodings.ts'
import { holdsKeyBytes } from './key-bytes.ts'
import { searchFor } from './substring.ts'
import { privateValueOf } from './supported-key.ts'
import { findPrivateKey } from './x509.ts'

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
  if (secret.length < secretBytesMin && isSecret(text, secret)) return true
  const searches = secretsOf(secret).map(searchOf)
  const holdsSecret = (bytes: Buffer) => searches.some((isIn) => isIn(bytes))
  const holdsKey = (bytes: Buffer) => holdsSecret(bytes) || holdsKeyBytes(bytes)
  const seen = new Set(['', text])
  let work = workMax * (text.length + printableMin)
  let layers = [text]
  for (let depth = 0; depth <= depthMax && layers.length > 0; depth += 1) {
    const inner: string[] = []
    for (const layer of layers) {
      work -= layer.length
      if (work < 0) return true
      const has = kindsIn(layer)
      const plain = plainTextOf(layer, has)
      const hasPlain = plain === layer ? has : kindsIn(plain)
      if (isKeyText(plain, hasPlain) || holdsSecret(Buffer.from(plain, 'latin1'))) return true
      // All formats in bytes have some that are not printable.
      const isIn = has & kinds.notPrintable ? holdsKey : holdsSecret
      if (plain !== layer && isIn(bytesOf(layer))) return true
      const decoded = decodingsOf(plain, hasPlain, layer)
      if (holdsKey(decoded)) return true
      const found = [withoutEscapes(layer, has), printableIn(decoded)].filter((one) => !seen.has(one))
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
  let isIn: ReturnType<typeof searchFor> | undefined
  return (bytes) => {
    if (!bytes.includes(start)) return false
    isIn ??= searchFor(secret)
    return isIn(bytes)
  }
}

/** The secret and, if it is a key of a supported kind, its private value. */
function secretsOf(secret: Uint8Array): Uint8Array[] {
  const key = secret.length < secretBytesMin ? undefined : findPrivateKey(secret)
  const value = key && privateValueOf(key)
  return [secret, ...(value === undefined ? [] : [value])].filter(({ length }) => length >= secretBytesMin)
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
const keyWords = ['priv', 'putty', 'proc-type', 'kty', 'crv', 'modulus', 'dsakeyvalue']

function isKeyText(text: string, has: number): boolean {
  if (!(has & (kinds.hyphen | kinds.valueMark))) return false
  const lowerCase = text.toLowerCase()
  if (!keyWords.some((word) => lowerCase.includes(word))) return false
  return keyTexts.some((patterns) => patterns.every((pattern) => pattern.test(text)))
}
