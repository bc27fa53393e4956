import { contentStart, elementAt, elementsIn, integer, objectId, octetString, sequence } from './ber.ts'
import type { Element } from './ber.ts'
import { isSecretKeyPacket, longSecretKeyTags, secretKeyTags } from './pgp-packets.ts'
import {
  bcryptStarts,
  isBcryptBlob,
  isPrivateKeyBlob,
  privateKeyBlob,
  privateKeyBlobVersions,
} from './windows-blobs.ts'

/** Whether there is a private key in bytes, at any place. */
export function holdsKeyBytes(bytes: Buffer): boolean {
  for (let at = nextStart(bytes, 0); at >= 0; at = nextStart(bytes, at + 1))
    if (isKeyOf(formatsOf(bytes[at] ?? 0, bytes[at + 1] ?? 0), bytes, at)) return true
  return false
}

/** Where the next key may begin; -1 for nowhere. A loop without other calls, as it takes half the time then. */
function nextStart(bytes: Buffer, from: number): number {
  const { length } = bytes
  let first = bytes[from] ?? 0
  for (let at = from + 1; at < length; at += 1) {
    const second = bytes[at] ?? 0
    if (formatsOf(first, second) !== 0) return at - 1
    first = second
  }
  return -1
}

function formatsOf(first: number, second: number): number {
  return (asFirst[first] ?? 0) & (asSecond[second] ?? 0)
}

/** The formats, each a bit, that have a first byte of their own. */
const [ofDer, ofPgp, ofLongPgp, ofCryptoApi, ofCng, ofMagicNumber] = [1, 2, 4, 8, 16, 32]

function isKeyOf(formats: number, bytes: Buffer, at: number): boolean {
  if (formats & ofDer) return isKeyAt(bytes, at)
  if (formats & (ofPgp | ofLongPgp)) return isSecretKeyPacket(bytes, at)
  if (formats & ofCryptoApi) return isPrivateKeyBlob(bytes, at)
  if (formats & ofCng) return isBcryptBlob(bytes, at)
  return isMagicNumber(bytes, at)
}

function isMagicNumber(bytes: Buffer, at: number): boolean {
  return magicNumbers.some((number) => bytes.subarray(at, at + number.length).equals(number))
}

/** What key files begin with that are of none of the other formats: those of OpenSSH, SSH Communications, OpenSSL, and the stores of Java. */
const magicNumbers = [
  Buffer.from('openssh-key-v1\0'),
  Buffer.from('3f6ff9eb', 'hex'),
  Buffer.from('1ef1b5b000000000', 'hex'),
  Buffer.from('feedfeed00000002', 'hex'),
  Buffer.from('cececece00000002', 'hex'),
]

/** The formats of keys whose first or second byte may be the index. Few other bytes have a format in both, so few are examined further. */
const [asFirst, asSecond] = [new Uint8Array(256), new Uint8Array(256)]

function addFormat(format: number, firsts: Iterable<number>, seconds: Iterable<number>): void {
  for (const first of firsts) asFirst[first] = (asFirst[first] ?? 0) | format
  for (const second of seconds) asSecond[second] = (asSecond[second] ?? 0) | format
}

const bytesBelow = (end: number) => Array.from({ length: end }, (_, byte) => byte)
addFormat(ofDer, [sequence], bytesBelow(0x85))
addFormat(ofPgp, secretKeyTags, bytesBelow(0x100))
addFormat(ofLongPgp, longSecretKeyTags, bytesBelow(0x40))
addFormat(ofCryptoApi, [privateKeyBlob], privateKeyBlobVersions)
for (const [first, second] of bcryptStarts) addFormat(ofCng, [first], [second])
for (const [first = 0, second = 0] of magicNumbers) addFormat(ofMagicNumber, [first], [second])

const oids = {
  pkcs5: Buffer.from('2a864886f70d0105', 'hex'),
  pkcs7: Buffer.from('2a864886f70d0107', 'hex'),
  pkcs12Pbe: Buffer.from('2a864886f70d010c01', 'hex'),
}

/** Whether a sequence is a private key. */
function isKeyAt(bytes: Buffer, at: number): boolean {
  // Most are of something else, and end here.
  const inner = contentStart(bytes, at)
  const isCandidate = bytes[inner] === sequence || (bytes[inner] === integer && bytes[inner + 1] === 1)
  if (!isCandidate) return false
  const outer = elementAt(bytes, at)
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
