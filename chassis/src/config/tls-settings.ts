import { Type } from 'typebox'
import { tlsFileFaults } from '../tls/index.ts'
import type { NamedFile, TlsFiles } from '../tls/index.ts'

/** The settings of TLS, which every service has. */
export const tlsSettings = {
  TLS_CERT_FILE: Type.String({
    default: '',
    description:
      'The file of the certificate in PEM, and of those up to its authority; with it the service speaks HTTPS only.',
  }),
  TLS_KEY_FILE: Type.String({
    default: '',
    description: 'The file of the private key of the certificate, in PEM without a passphrase.',
  }),
  TLS_CLIENT_CA_FILE: Type.String({
    default: '',
    description:
      'The file of the authorities of client certificates, in PEM; with it every client needs a certificate.',
  }),
}

type Values = Readonly<Record<string, unknown>>

/** The names of the three settings of one side. */
type Names = { readonly certificate: string; readonly key: string; readonly authorities: string }

/** The names of those of a listener, which begin with `prefix`. */
function listenerFiles(prefix: string): Names {
  return {
    certificate: `${prefix}TLS_CERT_FILE`,
    key: `${prefix}TLS_KEY_FILE`,
    authorities: `${prefix}TLS_CLIENT_CA_FILE`,
  }
}

/** The files that these settings name. */
export function tlsFilesOf(values: Values, names: Names): TlsFiles {
  const fileOf = (setting: string): NamedFile | undefined => {
    const path = values[setting]
    return typeof path === 'string' && path !== '' ? { setting, path } : undefined
  }
  return {
    certificate: fileOf(names.certificate),
    key: fileOf(names.key),
    authorities: fileOf(names.authorities),
  }
}

/** The files of a listener, whose settings begin with `prefix`; undefined where it has no TLS. */
export function tlsOf(values: object, prefix: string): { files: TlsFiles } | undefined {
  const files = tlsFilesOf({ ...values }, listenerFiles(prefix))
  return files.certificate === undefined ? undefined : { files }
}

/** A sentence for each fault of the files of a listener. `hasCertificate` is whether it has one that is checked elsewhere. */
export function listenerFaults(values: Values, prefix: string, hasCertificate = false): string[] {
  const names = listenerFiles(prefix)
  const files = tlsFilesOf(values, names)
  const isAlone =
    files.authorities !== undefined && files.certificate === undefined && files.key === undefined
  if (isAlone && !hasCertificate)
    return [`${names.authorities} is set, but ${names.certificate} is empty, so there is no TLS: set both.`]
  return tlsFaults(files, names)
}

/** A sentence for each fault of these files: what cannot be used now, or alone. */
export function tlsFaults(files: TlsFiles, names: Names): string[] {
  const { certificate, key } = files
  const missing = certificate === undefined ? names.certificate : names.key
  const present = certificate === undefined ? names.key : names.certificate
  const isHalf = (certificate === undefined) !== (key === undefined)
  return [
    ...(isHalf ? [`${present} is set, but ${missing} is empty: set both.`] : []),
    ...tlsFileFaults(files, Date.now()),
  ]
}
