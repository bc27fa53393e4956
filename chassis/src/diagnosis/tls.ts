import { examineTlsFiles } from '../tls/index.ts'
import type { TlsFiles } from '../tls/index.ts'
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
