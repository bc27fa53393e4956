import { elementAt, elementsIn, integer, objectId, octetString, sequence } from './ber.ts'
import type { Element } from './ber.ts'
import { isSecretKeyPacket, secretKeyTags } from './pgp-packets.ts'
import { bcryptStarts, isBcryptBlob, isPrivateKeyBlob, privateKeyBlob } from './windows-blobs.ts'

/** Whether there is a private key in bytes, at any place. */
export function holdsKeyBytes(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += 1) {
    const start = startKinds[bytes[at] ?? 0]
    if (start !== 0 && isKeyOf(start, bytes, at)) return true
  }
  return false
}

const [ofDer, ofPgp, ofCryptoApi, ofCng, ofMagicNumber] = [1, 2, 3, 4, 5]

function isKeyOf(start: number | undefined, bytes: Buffer, at: number): boolean {
  if (start === ofDer) return isKeyAt(bytes, at)
  if (start === ofPgp) return isSecretKeyPacket(bytes, at)
  if (start === ofCryptoApi) return isPrivateKeyBlob(bytes, at)
  if (start === ofCng) return isBcryptBlob(bytes, at)
  return magicNumbers.some(
    (number) => bytes[at + 1] === number[1] && bytes.subarray(at, at + number.length).equals(number),
  )
}

/** What key files begin with that are of none of the other formats: those of OpenSSH, SSH Communications, OpenSSL, and the stores of Java. */
const magicNumbers = [
  Buffer.from('openssh-key-v1\0'),
  Buffer.from('3f6ff9eb', 'hex'),
  Buffer.from('1ef1b5b000000000', 'hex'),
  Buffer.from('feedfeed00000002', 'hex'),
  Buffer.from('cececece00000002', 'hex'),
]

/** What may begin with a byte; 0 for none. */
const startKinds = new Uint8Array(256)
for (const number of magicNumbers) startKinds[number[0] ?? 0] = ofMagicNumber
for (const tag of secretKeyTags) startKinds[tag] = ofPgp
for (const letter of bcryptStarts) startKinds[letter] = ofCng
startKinds[privateKeyBlob] = ofCryptoApi
startKinds[sequence] = ofDer

const oids = {
  pkcs5: Buffer.from('2a864886f70d0105', 'hex'),
  pkcs7: Buffer.from('2a864886f70d0107', 'hex'),
  pkcs12Pbe: Buffer.from('2a864886f70d010c01', 'hex'),
}

/** Whether a sequence is a private key. */
function isKeyAt(bytes: Buffer, at: number): boolean {
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
