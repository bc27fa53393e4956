import { elementAt, elementsIn, integer, objectId, octetString, sequence } from './ber.ts'
import type { Element } from './ber.ts'

/** Whether there is a private key in bytes, at any place. */
export function holdsKeyBytes(bytes: Buffer): boolean {
  for (let at = bytes.indexOf(sequence); at >= 0; at = bytes.indexOf(sequence, at + 1))
    if (isKeyAt(bytes, at)) return true
  return magicNumbers.some((number) => bytes.includes(number))
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
