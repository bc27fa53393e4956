import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { FileFault, fileReason, readBoundedFile } from '../files/index.ts'

/** A file that a setting names. */
export type NamedFile = { readonly setting: string; readonly path: string }

/** The files of one side of TLS. Those of a client may be the authorities alone. */
export type TlsFiles = {
  /** The certificate, and behind it those up to the authority. */
  readonly certificate: NamedFile | undefined
  readonly key: NamedFile | undefined
  /** The authorities that the certificate of the other side must be of. */
  readonly authorities: NamedFile | undefined
}

/** What these files have, in PEM. */
export type TlsTexts = {
  readonly cert: string | undefined
  readonly key: string | undefined
  readonly ca: string | undefined
  /** When the first certificate that is sent to the other side ends, in milliseconds of the epoch. */
  readonly endsAt: number | undefined
}

const bytesMax = 1_048_576
const certificates = 'a file of certificates in PEM'
const privateKey = 'a file with a private key in PEM that needs no passphrase'

/** Reads the files; throws one error with a sentence for each fault. */
export function readTlsFiles(files: TlsFiles, now: number): TlsTexts {
  const found = examineTlsFiles(files, now)
  if (found.faults.length > 0) throw new Error(found.faults.join(' '))
  return found.texts
}

/** A sentence for each fault of the files, by which TLS cannot begin. */
export function tlsFileFaults(files: TlsFiles, now: number): readonly string[] {
  return examineTlsFiles(files, now).faults
}

type Examined = {
  readonly texts: TlsTexts
  readonly faults: readonly string[]
  /** The certificates of each file that has no fault. */
  readonly chains: readonly { readonly file: NamedFile; readonly chain: readonly X509Certificate[] }[]
}

/** What the files have, and a sentence for each fault of them. */
export function examineTlsFiles(files: TlsFiles, now: number): Examined {
  const faults: string[] = []
  /** Undefined for a file that is not set, or at fault. */
  function attempt<T>(file: NamedFile | undefined, expected: string, read: (text: string) => T) {
    if (file === undefined) return undefined
    try {
      const text = readBoundedFile(file.path, bytesMax).toString('latin1')
      return { ...read(text), file, text }
    } catch (error) {
      faults.push(`${file.setting}, ${file.path}, ${reasonOf(error, expected)}.`)
      return undefined
    }
  }
  const certificate = attempt(files.certificate, certificates, (text) => ({
    chain: validCertificates(text, now),
  }))
  const key = attempt(files.key, privateKey, (text) => ({ key: privateKeyOf(text) }))
  const authorities = attempt(files.authorities, certificates, (text) => ({
    chain: validCertificates(text, now),
  }))
  const [leaf] = certificate?.chain ?? []
  if (leaf !== undefined && key !== undefined && !leaf.checkPrivateKey(key.key))
    faults.push(`${files.key?.setting} is not the key of the certificate in ${files.certificate?.setting}.`)
  if (faults.length === 0) {
    const fault = contextFault({ cert: certificate?.text, key: key?.text, ca: authorities?.text })
    if (fault !== undefined) faults.push(`${files.certificate?.setting} cannot be used: ${fault}.`)
  }
  const ends = certificate?.chain.map(({ validToDate }) => validToDate.getTime()) ?? []
  const endsAt = ends.length === 0 ? undefined : Math.min(...ends)
  return {
    texts: { cert: certificate?.text, key: key?.text, ca: authorities?.text, endsAt },
    faults,
    chains: [certificate, authorities].filter((found) => found !== undefined),
  }
}

/** Why the library of TLS refuses what has been read, such as a key that is too short. */
function contextFault(texts: { cert: string | undefined; key: string | undefined; ca: string | undefined }) {
  try {
    process.getBuiltinModule('node:tls').createSecureContext(texts)
    return undefined
  } catch (error) {
    return error instanceof Error && 'reason' in error ? String(error.reason) : 'it is not valid'
  }
}

function validCertificates(text: string, now: number): readonly X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\w+/=\s]+-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) throw new FileFault('has no certificate in PEM')
  return blocks.map((block, i) => {
    const which = blocks.length === 1 ? 'a certificate' : `certificate ${i + 1}`
    const certificate = parsed(block, which)
    const { validFromDate, validToDate } = certificate
    if (validToDate.getTime() <= now)
      throw new FileFault(`has ${which} that ended on ${validToDate.toISOString()}`)
    if (validFromDate.getTime() > now)
      throw new FileFault(`has ${which} that begins on ${validFromDate.toISOString()}`)
    return certificate
  })
}

function parsed(block: string, which: string): X509Certificate {
  try {
    return new X509Certificate(block)
  } catch {
    throw new FileFault(`has ${which} that cannot be parsed`)
  }
}

function privateKeyOf(text: string): KeyObject {
  try {
    return createPrivateKey(text)
  } catch {
    throw new FileFault('has no private key in PEM that needs no passphrase')
  }
}

/** Nothing of a file is shown. */
function reasonOf(error: unknown, expected: string): string {
  if (error instanceof FileFault) return error.message
  return `${fileReason(error) ?? 'cannot be read'}: it must be ${expected}`
}
