/** A header, a version, a time, an algorithm and a length; all packets are longer. */
const packetMin = 24

/** The parameters of encryption and a checksum; a private half of RSA has two and a half times the length of its public one. */
const secretMax = 256

/** The first byte of plausible times of creation, which are in seconds: from 1990 on. */
const timeStartMin = 0x26

/**
 * Whether a packet begins at a place of bytes that is a secret key or a secret subkey of OpenPGP (RFC 9580, 5.5.3), in either format of
 * headers, and of which at least the public half is there.
 */
export function isSecretKeyPacket(bytes: Buffer, at: number): boolean {
  // Reading behind the end would make this slow.
  if (at + packetMin > bytes.length) return false
  const start = bodyStart(bytes, at)
  const version = bytes[start] ?? 0
  if (version < 3 || version > 6) return false
  const timeStart = bytes[start + 1] ?? 0
  if (timeStart < timeStartMin && (timeStart !== 0 || bytes.readUIntBE(start + 2, 3) !== 0)) return false
  // Version 3 has the days of its validity before the algorithm.
  const algorithmAt = start + (version === 3 ? 7 : 5)
  const end = publicEnd(bytes, version, algorithmAt)
  if (end === undefined || end >= bytes.length) return false
  const secretLength = bodyLength(bytes, at, start) - (end - start) - 1
  const fixed = fixedLengths[bytes[algorithmAt] ?? 0]
  // Without numbers to check, the length must be exact: that of the private key, and of a checksum before version 6.
  if (bytes[end] === 0 && fixed !== undefined) return secretLength === fixed + (version === 6 ? 0 : 2)
  const isPlausible = secretLength > 0 && secretLength <= secretMax + 4 * (end - start)
  return (
    (isPlausible || secretLength === Number.POSITIVE_INFINITY) &&
    isProtection(bytes, end, version, fixed !== undefined)
  )
}

/** The first bytes of such packets, by which they are looked for. */
export const secretKeyTags = [0x94, 0x9c, 0xc5, 0xc7]
/** Those before the high byte of a length of under 16 KiB, as all keys have, or before a version. */
export const longSecretKeyTags = [0x95, 0x96, 0x97, 0x9d, 0x9e, 0x9f]

/** Where the content of a packet begins (RFC 9580, 4.2). */
function bodyStart(bytes: Buffer, at: number): number {
  const tag = bytes[at] ?? 0
  if (tag < 0xc0) return at + 1 + (oldLengthSizes[tag & 3] ?? 0)
  const length = bytes[at + 1] ?? 0
  if (length < 0xc0) return at + 2
  return at + (length === 0xff ? 6 : 3)
}

const oldLengthSizes = Uint8Array.of(1, 2, 4, 0)

function bodyLength(bytes: Buffer, at: number, start: number): number {
  const [tag = 0, first = 0, second = 0] = [bytes[at], bytes[at + 1], bytes[at + 2]]
  const size = start - at - 1
  if (size === 0) return Number.POSITIVE_INFINITY
  if (tag < 0xc0) return bytes.readUIntBE(at + 1, size)
  if (size === 1) return first
  return size === 2 ? ((first - 192) << 8) + second + 192 : bytes.readUInt32BE(at + 2)
}

/** The bytes of each half of a key of algorithms that have a fixed length (RFC 9580, 5.5.5.6 and further). */
const fixedLengths: Readonly<Record<number, number>> = { 25: 32, 26: 56, 27: 32, 28: 57 }

/** The numbers that the public key of the other algorithms consists of; of those on curves, behind the identifier of the curve. */
const numbersOf: Readonly<Record<number, number>> = {
  1: 2,
  2: 2,
  3: 2,
  16: 3,
  17: 4,
  18: 1,
  19: 1,
  20: 3,
  22: 1,
}

const lastRsa = 3
const ecdh = 18
/** No implementation has a longer public exponent. */
const exponentBits = 64

/** Where the public key ends; undefined if it is none. */
function publicEnd(bytes: Buffer, version: number, algorithmAt: number): number | undefined {
  const algorithm = bytes[algorithmAt] ?? 0
  const start = algorithmAt + 1
  // Versions 5 and 6 give the length, in four bytes, of which no public key needs the first two.
  if (version > 4)
    return algorithm > 0 && bytes.readUInt16BE(start) === 0
      ? start + 4 + bytes.readUInt16BE(start + 2)
      : undefined
  if (version === 3 && algorithm > lastRsa) return undefined
  const fixed = fixedLengths[algorithm]
  if (fixed !== undefined) return start + fixed
  const count = numbersOf[algorithm]
  if (count === undefined) return undefined
  const numbersAt = count === 1 ? curveEnd(bytes, start) : start
  let end = numbersAt && numberEnd(bytes, numbersAt, shortestBits)
  const bitsMax = algorithm <= lastRsa ? exponentBits : longestBits
  for (let i = 1; i < count && end !== undefined; i += 1) end = numberEnd(bytes, end, 1, bitsMax)
  return algorithm === ecdh && end !== undefined ? end + 1 + (bytes[end] ?? 0) : end
}

/** Where an object identifier of a curve ends; all of them begin with the arcs 1.2 or 1.3. */
function curveEnd(bytes: Buffer, at: number): number | undefined {
  const [length = 0, arcs] = [bytes[at], bytes[at + 1]]
  return length >= 3 && length <= 16 && (arcs === 0x2a || arcs === 0x2b) ? at + 1 + length : undefined
}

/** Of the first number, which is a modulus or a point. */
const shortestBits = 240
const longestBits = 16_384

/** Where a multiprecision integer ends, which gives its exact length in bits (RFC 9580, 3.2). */
function numberEnd(bytes: Buffer, at: number, bitsMin: number, bitsMax = longestBits): number | undefined {
  if (at + 3 > bytes.length) return undefined
  const bits = bytes.readUInt16BE(at)
  if (bits < bitsMin || bits > bitsMax) return undefined
  const firstBits = 32 - Math.clz32(bytes[at + 2] ?? 0)
  return firstBits === ((bits - 1) & 7) + 1 ? at + 2 + ((bits + 7) >> 3) : undefined
}

/** The algorithms of ciphers and of authenticated encryption (RFC 9580, 9.3 and 9.6) end before these. */
const ciphersEnd = 14
const modesEnd = 4
const stringToKeyTypes = [0, 1, 3, 4]
const isAlgorithm = (byte: number | undefined, end: number) => byte !== undefined && byte > 0 && byte < end

/** Whether the private half begins as it does without encryption or with it (RFC 9580, 3.7.2 and 5.5.3; version 5 is of LibrePGP). */
function isProtection(bytes: Buffer, at: number, version: number, isNew: boolean): boolean {
  const usage = bytes[at] ?? ciphersEnd
  if (usage < withMode) return !isNew && usage < ciphersEnd
  // Versions 5 and 6 have the length of what follows, and version 6 also that of the last field.
  const cipherAt = at + (version > 4 ? 2 : 1)
  if (!isAlgorithm(bytes[cipherAt], ciphersEnd)) return false
  if (usage === withMode && !isAlgorithm(bytes[cipherAt + 1], modesEnd)) return false
  const isCounted = version === 6 && usage !== withWeakSum
  const typeAt = cipherAt + 1 + (usage === withMode ? 1 : 0) + (isCounted ? 1 : 0)
  return stringToKeyTypes.includes(bytes[typeAt] ?? Number.NaN)
}

/** What the first byte of a private half is if the cipher is followed by a mode, or the key by a sum of 16 bits. */
const withMode = 253
const withWeakSum = 255
