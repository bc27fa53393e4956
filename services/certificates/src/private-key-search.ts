import { kinds, kindsIn } from './character-kinds.ts'
import { bytesOf, decodingsOf, plainTextOf, printableIn, printableMin, withoutEscapes } from './decodings.ts'
import { holdsKeyBytes } from './key-bytes.ts'
import { holdsKeyText } from './key-texts.ts'
import { searchFor } from './substring.ts'
import { privateValueOf } from './supported-key.ts'
import type { PrivateKeyDer } from './supported-key.ts'
import { findPrivateKey } from './x509.ts'

/** How deep encodings may be nested. */
const depthMax = 4
/** How many characters are read in all decodings together, per character of the text; only a text made for it has more. */
const workMax = 8
/** A shorter secret may be part of a text by chance. */
const secretBytesMin = 8

/**
 * Whether a text holds a private key, in any of the formats of PEM, PKCS #1, #8 and #12, SEC 1, SSH, PuTTY, PGP, JSON Web Keys, XML and the
 * key stores of Java and Windows, whatever its label and the text around it; encoded up to four times over by base64, hexadecimal, percent,
 * entities of HTML, escapes of JSON and C, quoted-printable, numbers or a dump of xxd, hexdump or od. Also whether it holds the given
 * secret, which is any bytes, or its private value if the secret is a key. Takes time in proportion to the text; true for a text that
 * would take more, which is made for that. `key` is what `findPrivateKey` finds in the secret.
 */
export function holdsPrivateKey(
  text: string,
  secret: Uint8Array = new Uint8Array(),
  key = findPrivateKey(secret),
): boolean {
  if (secret.length < secretBytesMin && isSecret(text, secret)) return true
  const searches = secretsOf(secret, key).map(searchOf)
  const holdsSecret = (bytes: Buffer | string) => searches.some((isIn) => isIn(bytes))
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
      if (holdsKeyText(plain, hasPlain) || holdsSecret(plain)) return true
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

/**
 * A search in bytes, or in a text in ASCII, that begins with the first bytes alone, which the runtime finds faster, and in bounded time
 * since they are few.
 */
function searchOf(secret: Uint8Array): (within: Buffer | string) => boolean {
  const start = secret.subarray(0, 16)
  const startText = Buffer.from(start).toString('latin1')
  let isIn: ReturnType<typeof searchFor> | undefined
  return (within) => {
    const isText = typeof within === 'string'
    if (!(isText ? within.includes(startText) : within.includes(start))) return false
    isIn ??= searchFor(secret)
    return isIn(isText ? Buffer.from(within, 'latin1') : within)
  }
}

/** The secret and, if it is a key of a supported kind, its private value. */
function secretsOf(secret: Uint8Array, key: PrivateKeyDer | null): Uint8Array[] {
  const value = key === null ? undefined : privateValueOf(key)
  return (value === undefined ? [secret] : [secret, value]).filter(({ length }) => length >= secretBytesMin)
}
