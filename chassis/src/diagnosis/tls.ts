import { X509Certificate } from 'node:crypto'
import { examineTlsFiles } from '../tls/index.ts'
import type { NamedFile, TlsFiles } from '../tls/index.ts'
import { broken, good, weak } from './port.ts'
import type { Finding } from './port.ts'

const dayMs = 86_400_000
/** A certificate that ends within this time is reported. */
const renewalMs = 30 * dayMs

/** The findings about the files of one side of TLS: until when each certificate is valid, and whether the key is that of the first. */
export function diagnoseTls(files: TlsFiles, now: number): Finding[] {
  const { chains, faults } = examineTlsFiles(files, now)
  const ofCertificates = chains.flatMap(({ file: { setting, path }, chain }) =>
    chain.map(({ subject, validToDate }) => {
      const name =
        subject === undefined ? 'a certificate' : `the certificate of ${subject.replaceAll('\n', ', ')}`
      const end = validToDate.toISOString().replace(/\.\d+Z$/, 'Z')
      const days = Math.floor((validToDate.getTime() - now) / dayMs)
      const left = days === 1 ? '1 day' : `${days} days`
      return validToDate.getTime() - now < renewalMs
        ? weak(`${setting}, ${path}, has ${name}, which ends on ${end}, in ${left}: renew it.`)
        : good(`${setting}, ${path}, has ${name}, which is valid until ${end}.`)
    }),
  )
  const fits = good(
    `${files.key?.setting} is the key of the first certificate in ${files.certificate?.setting}.`,
  )
  const isPair = files.key !== undefined && files.certificate !== undefined && faults.length === 0
  return [...ofCertificates, ...(isPair ? [fits] : []), ...faults.map(broken)]
}

/** Whether a client with its files can verify a server with others: by its authorities, or those of the system where it names none. */
export function diagnoseTrust(server: TlsFiles, client: TlsFiles, now: number): Finding[] {
  const { certificate } = server
  const served = chainOf(server, certificate, now)
  const trusted =
    client.authorities === undefined ? systemAuthorities() : chainOf(client, client.authorities, now)
  // Files that cannot be read are reported by themselves.
  if (certificate === undefined || served === undefined || trusted === undefined) return []
  const authorities = client.authorities?.setting ?? 'the system'
  return leadsTo(served, trusted)
    ? [good(`${certificate.setting} is of an authority in ${authorities}.`)]
    : [weak(`${certificate.setting} is of no authority in ${authorities}, so that it cannot be verified.`)]
}

function chainOf(files: TlsFiles, file: NamedFile | undefined, now: number) {
  return examineTlsFiles(files, now).chains.find((one) => one.file === file)?.chain
}

function systemAuthorities(): readonly X509Certificate[] {
  return process
    .getBuiltinModule('node:tls')
    .getCACertificates()
    .map((text) => new X509Certificate(text))
}

/** Whether a chain leads from the first certificate to one of the authorities that is self-signed, as OpenSSL requires by default. */
function leadsTo(served: readonly X509Certificate[], authorities: readonly X509Certificate[]): boolean {
  const seen = new Set<X509Certificate>()
  const isTrusted = (certificate: X509Certificate): boolean => {
    if (seen.has(certificate)) return false
    seen.add(certificate)
    return [...authorities, ...served].some(
      (issuer) =>
        certificate.checkIssued(issuer) &&
        certificate.verify(issuer.publicKey) &&
        (issuer === certificate ? authorities.includes(issuer) : isTrusted(issuer)),
    )
  }
  const [first] = served
  return first !== undefined && isTrusted(first)
}
