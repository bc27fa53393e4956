import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { createAuthority, issueCertificate } from '@quintet/chassis/x509'
import type { TlsFiles } from '@quintet/chassis/tls'
import type { Authority } from '@quintet/chassis/x509'

const dayMs = 86_400_000

export function authority(commonName = 'test authority'): Authority {
  return createAuthority({ commonName, ...validDays(-1, 2) })
}

/** From this many days from now until this many. */
export function validDays(from: number, until: number) {
  const now = Date.now()
  return { notBefore: now + from * dayMs, notAfter: now + until * dayMs }
}

const named = (setting: string, path: string) => ({ setting, path })

/** The files as settings name them, with the authorities of client certificates if there are any. */
export function namedTlsFiles(
  { certificate, key }: { certificate: string; key: string },
  clientAuthorities?: string,
): TlsFiles {
  return {
    certificate: named('TLS_CERT_FILE', certificate),
    key: named('TLS_KEY_FILE', key),
    authorities: clientAuthorities === undefined ? undefined : named('TLS_CLIENT_CA_FILE', clientAuthorities),
  }
}

/** The files of a certificate for this machine and its authority, in a folder of the test. */
export function tlsFiles(
  t: TestContext,
  by: Authority = authority(),
  {
    names = ['localhost', '127.0.0.1'],
    ...validity
  }: { names?: string[]; notBefore?: number; notAfter?: number } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-tls-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = (name: string) => join(folder, name)
  const files = {
    certificate: file('certificate.pem'),
    key: file('key.pem'),
    authority: file('authority.pem'),
  }
  /** Another certificate, in no file. */
  const issued = () => issueCertificate(by, { names, ...validDays(-1, 1), ...validity })
  /** Replaces each file as a whole. */
  function write(path: string, text: string): void {
    writeFileSync(`${path}.new`, text)
    renameSync(`${path}.new`, path)
  }
  /** Replaces the certificate and its key by new ones. */
  function issue(): void {
    const { certificate, key } = issued()
    write(files.key, key)
    write(files.certificate, certificate)
  }
  issue()
  write(files.authority, by.certificate)
  return { ...files, ca: by.certificate, write, issue, issued }
}
