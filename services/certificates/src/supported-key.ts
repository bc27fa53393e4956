import {
  bitString,
  firstElement,
  integer,
  objectId,
  octetString,
  partsOf,
  partsOfSequence,
  sequence,
} from './ber.ts'
import type { Part } from './ber.ts'

/**
 * Which keys are passed to OpenSSL. As soon as it parses a key, it calculates with the parameters of it, such as the primes of DSA, DH
 * and curves, which may take hours if an attacker chose them. So only keys with named parameters and of a bounded length are parsed.
 */
export const privateKeys =
  'RSA of two primes and up to 16,384 bits, EC on a named curve, Ed25519, Ed448, X25519, X448, ML-DSA, ML-KEM or SLH-DSA'
export const certificateKeys = 'without explicit EC parameters and keys of over 16,384 bits'

/** Of a modulus of 16,384 bits, with the byte of its sign. */
const modulusBytesMax = 2_049
/** A private key of RSA of that length has 9,300; with attributes. */
const privateKeyBytesMax = 12_288
/** The longest is that of ML-DSA, of 2,614 bytes. */
const publicKeyBytesMax = 4_096
/** As long as the order of any named curve, in 571 bits. */
const scalarBytesMax = 72
/** An uncompressed point of such a curve, and the bytes before it. */
const pointBytesMax = 160
/** Those of RSASSA-PSS have 65 at the most. */
const parametersBytesMax = 72
/** Of DSA, of 3,072 bits. */
const dsaParametersBytesMax = 1_024

type Algorithm = 'rsa' | 'ec' | 'dsa' | 'raw' | 'unknown'

/** By the content of their object identifier, in hexadecimal. */
const algorithms: readonly (readonly [RegExp, Algorithm])[] = [
  // rsaEncryption, id-RSASSA-PSS (RFC 8017, A)
  [/^2a864886f70d0101(?:01|0a)$/, 'rsa'],
  // id-ecPublicKey (RFC 5480, 2.1.1)
  [/^2a8648ce3d0201$/, 'ec'],
  // id-dsa (RFC 3279, 2.3.2)
  [/^2a8648ce380401$/, 'dsa'],
  // X25519, X448, Ed25519, Ed448 (RFC 8410, 3)
  [/^2b65(?:6e|6f|70|71)$/, 'raw'],
  // ML-DSA (RFC 9881, 2), SLH-DSA (RFC 9909, 3), ML-KEM (RFC 9935, 3)
  [/^608648016503040(?:3(?:1[1-9a-f]|2[\da-e])|40[123])$/, 'raw'],
]

/** A private key of a supported kind that is not encrypted. */
export type PrivateKeyDer = { readonly der: Buffer; readonly format: 'pkcs1' | 'pkcs8' | 'sec1' }

/** The format of a private key in DER, if it is a supported one that is not encrypted. */
export function formatOfPrivateKey(der: Buffer): PrivateKeyDer['format'] | undefined {
  if (der.length > privateKeyBytesMax) return undefined
  if (isRsaPrivateKey(der)) return 'pkcs1'
  if (isEcPrivateKey(der)) return 'sec1'
  return isPrivateKeyInfo(der) ? 'pkcs8' : undefined
}

/** The private exponent of RSA, the scalar of EC, and the bytes of RFC 8410: the member `d` of a JSON Web Key, if the key can be one. */
export function privateValueOf({ der, format }: PrivateKeyDer): Buffer | undefined {
  const parts = partsOfSequence(der) ?? []
  if (format === 'pkcs1') return withoutSign(parts[3]?.content)
  if (format === 'sec1') return parts[1]?.content
  const [, , key] = parts
  if (key === undefined) return undefined
  if (isRsaPrivateKey(key.content)) return privateValueOf({ der: key.content, format: 'pkcs1' })
  if (isEcPrivateKey(key.content)) return privateValueOf({ der: key.content, format: 'sec1' })
  const [value] = partsOf(key.content) ?? []
  return value?.tag === octetString ? value.content : undefined
}

function withoutSign(integer: Buffer | undefined): Buffer | undefined {
  return integer?.[0] === 0 ? integer.subarray(1) : integer
}

/** OneAsymmetricKey (RFC 5958, 2) */
function isPrivateKeyInfo(der: Buffer): boolean {
  const [version, algorithm, key] = partsOfSequence(der) ?? []
  if (version?.tag !== integer || algorithm?.tag !== sequence || key?.tag !== octetString) return false
  const { name, parameters } = algorithmOf(algorithm)
  if (name === 'rsa') return isShort(parameters, parametersBytesMax) && isRsaPrivateKey(key.content)
  if (name === 'ec') return parameters?.tag === objectId && isEcPrivateKey(key.content)
  return name === 'raw' && parameters === undefined
}

/** RSAPrivateKey of two primes (RFC 8017, A.1.2) */
function isRsaPrivateKey(der: Buffer): boolean {
  const parts = partsOfSequence(der) ?? []
  return parts.length === 9 && parts.every((part) => part.tag === integer && isShort(part, modulusBytesMax))
}

/** ECPrivateKey (RFC 5915, 3), whose parameters take precedence over those around it. */
function isEcPrivateKey(der: Buffer): boolean {
  const [version, key, ...others] = partsOfSequence(der) ?? []
  if (version?.tag !== integer || key?.tag !== octetString || !isShort(key, scalarBytesMax)) return false
  return others.every((part) => {
    if (part.tag === 0xa1) return isShort(part, pointBytesMax)
    const [curve, ...rest] = part.tag === 0xa0 ? (partsOf(part.content) ?? []) : []
    return curve?.tag === objectId && rest.length === 0
  })
}

/** Whether a certificate in DER has a public key that is supported, or that OpenSSL does not calculate with. */
export function hasSupportedKey(certificate: Buffer): boolean {
  const [content] = partsOfSequence(firstElement(certificate)) ?? []
  const parts = content?.tag === sequence ? (partsOf(content.content) ?? []) : []
  // Only the first part, the version, may be left out (RFC 5280, 4.1).
  const info = parts[parts[0]?.tag === 0xa0 ? 6 : 5]
  if (info?.tag !== sequence || !isShort(info, publicKeyBytesMax)) return false
  const [algorithm, key] = partsOf(info.content) ?? []
  if (algorithm?.tag !== sequence || key?.tag !== bitString) return false
  const { name, parameters } = algorithmOf(algorithm)
  if (name === 'ec') return parameters?.tag === objectId && isShort(key, pointBytesMax)
  if (name === 'dsa') return isShort(parameters, dsaParametersBytesMax)
  return isShort(parameters, parametersBytesMax) && (name !== 'rsa' || isRsaPublicKey(key))
}

/** RSAPublicKey (RFC 8017, A.1.1), behind the number of bits that are not used. */
function isRsaPublicKey({ content }: Part): boolean {
  const parts = partsOfSequence(content.subarray(1)) ?? []
  return parts.length === 2 && parts.every((part) => part.tag === integer && isShort(part, modulusBytesMax))
}

/** AlgorithmIdentifier (RFC 5280, 4.1.1.2) */
function algorithmOf({ content }: Part): { name?: Algorithm; parameters?: Part | undefined } {
  const [id, parameters, ...others] = partsOf(content) ?? []
  if (id?.tag !== objectId || others.length > 0) return {}
  const hex = id.content.toString('hex')
  return { name: algorithms.find(([pattern]) => pattern.test(hex))?.[1] ?? 'unknown', parameters }
}

function isShort(part: Part | undefined, bytesMax: number): boolean {
  return part === undefined || part.content.length <= bytesMax
}
