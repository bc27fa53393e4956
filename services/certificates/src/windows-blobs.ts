/** Of RSA, DSA and Diffie-Hellman in CryptoAPI; the public ones end in odd digits. */
const cryptoApi = ['RSA2', 'DSS2', 'DSS4', '\0DH2', '\0DH4']

/** A private key blob's type, and the versions it may have. */
export const privateKeyBlob = 7
export const privateKeyBlobVersions = [2, 3]

/** Whether a PRIVATEKEYBLOB of any algorithm begins at a place: a BLOBHEADER and a magic number (wincrypt.h). */
export function isPrivateKeyBlob(bytes: Buffer, at: number): boolean {
  if (at + 12 > bytes.length) return false
  if (!privateKeyBlobVersions.includes(bytes[at + 1] ?? 0)) return false
  return bytes.readUInt16LE(at + 2) === 0 && cryptoApi.includes(bytes.toString('latin1', at + 8, at + 12))
}

const rsa = ['RSA2', 'RSA3']
const others = ['ECS2', 'ECS4', 'ECS6', 'ECDV', 'ECK2', 'ECK4', 'ECK6', 'ECKV', 'DSPV', 'DPV2', 'DHPV']

/** The first two letters of their magic numbers, by which they are looked for. */
export const bcryptStarts = [...rsa, ...others].map(
  (magic) => [magic.charCodeAt(0), magic.charCodeAt(1)] as const,
)

/** Whether a private key of CNG begins at a place (bcrypt.h): a magic number, and its length in bits for RSA, else in bytes. */
export function isBcryptBlob(bytes: Buffer, at: number): boolean {
  if (at + 16 > bytes.length || bytes[at + 6] !== 0 || bytes[at + 7] !== 0) return false
  const magic = bytes.toString('latin1', at, at + 4)
  const length = bytes.readUInt16LE(at + 4)
  if (others.includes(magic)) return length >= 16 && length <= 2_048
  if (!rsa.includes(magic)) return false
  const exponent = bytes.readUInt32LE(at + 8)
  return (
    length <= 16_384 && exponent > 0 && exponent <= 16 && bytes.readUInt32LE(at + 12) === (length + 7) >> 3
  )
}
