import { X509Certificate, createPrivateKey } from 'node:crypto'
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join, relative } from 'node:path'
import { readSettings, validValues } from '@quintet/chassis/config'
import { createPrivateFile, createPrivateFolder } from '@quintet/chassis/files'
import { createAuthority, issueCertificate } from '@quintet/chassis/x509'
import type { Authority } from '@quintet/chassis/x509'
import { services } from '../topology.ts'
import { dataFolderOf } from './services.ts'
import { ArgumentError } from './usage-error.ts'

export const tlsUsage =
  '  quintet tls [name…]                       make a certificate of this machine and its authority, for development only\n'

const dayMs = 86_400_000
const validity = { authorityDays: 3_650, certificateDays: 397 }
const commonName = 'Quintet development authority'
const namesOfMachine = ['localhost', '127.0.0.1', '::1']

/**
 * `quintet tls`: a certificate for this machine and the names given, of an authority that remains while it is valid. Running services take
 * the new certificate by themselves.
 */
export async function tls(words: readonly string[]): Promise<void> {
  const names = [...new Set([...namesOfMachine, ...words.map(checkedName)])]
  const settings = readSettings(process.env)
  const folder = join(dataFolderOf(settings), 'tls')
  const paths = {
    authority: join(folder, 'authority.pem'),
    authorityKey: join(folder, 'authority-key.pem'),
    certificate: join(folder, 'certificate.pem'),
    key: join(folder, 'key.pem'),
  }
  const now = Date.now()
  createPrivateFolder(folder)
  const authority =
    existingAuthority(paths, now) ?? createAuthority({ commonName, ...days(now, validity.authorityDays) })
  const issued = issueCertificate(authority, { names, ...days(now, validity.certificateDays) })
  write(paths.authority, authority.certificate)
  write(paths.authorityKey, authority.key)
  write(paths.certificate, issued.certificate)
  write(paths.key, issued.key)
  const { GATEWAY_PORT: port } = validValues(services.gateway.settings, settings)
  const shown = Object.fromEntries(Object.entries(paths).map(([name, path]) => [name, shownPath(path)]))
  process.stdout.write(`For development only: who has ${shown.authorityKey} can pass for any server to those who trust ${shown.authority}.

${shown.authority}     ends on ${endOf(authority.certificate)}
${shown.certificate}   ends on ${endOf(issued.certificate)}, for ${names.join(', ')}

TLS for clients of the gateway:
  GATEWAY_TLS_CERT_FILE=${shown.certificate} GATEWAY_TLS_KEY_FILE=${shown.key} GATEWAY_HSTS=off npm start

Between the gateway and the services as well:
  TLS_CERT_FILE=${shown.certificate} TLS_KEY_FILE=${shown.key} GATEWAY_UPSTREAM_CA_FILE=${shown.authority} GATEWAY_HSTS=off npm start

A request:
  curl --cacert ${shown.authority} https://localhost:${port}/health
`)
}

/** As the user of the repository writes it. */
function shownPath(path: string): string {
  const fromHere = relative('.', path)
  return fromHere.startsWith('..') ? path : fromHere
}

function days(now: number, count: number) {
  // The clock of a client may be behind.
  return { notBefore: now - dayMs, notAfter: now + count * dayMs }
}

function checkedName(name: string): string {
  if (isIP(name) !== 0 || hostname.test(name)) return name
  throw new ArgumentError(`"${name}" must be the name of a host or an IP address.`)
}

const hostname = /^(?:\*\.)?(?:[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?\.)*[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?$/i

/** The authority that has been made before, while it outlives a certificate. */
function existingAuthority(
  paths: { authority: string; authorityKey: string },
  now: number,
): Authority | undefined {
  if (!existsSync(paths.authority) || !existsSync(paths.authorityKey)) return undefined
  try {
    const [certificate, key] = [
      readFileSync(paths.authority, 'utf8'),
      readFileSync(paths.authorityKey, 'utf8'),
    ]
    const parsed = new X509Certificate(certificate)
    const isUsable =
      parsed.checkPrivateKey(createPrivateKey(key)) &&
      parsed.subject === `CN=${commonName}` &&
      parsed.validToDate.getTime() > now + validity.certificateDays * dayMs
    return isUsable ? { commonName, certificate, key } : undefined
  } catch {
    return undefined
  }
}

/** As a whole, so that nobody reads a part. */
function write(path: string, text: string): void {
  const draft = `${path}.new`
  rmSync(draft, { force: true })
  createPrivateFile(draft)
  writeFileSync(draft, text, { flush: true })
  renameSync(draft, path)
}

function endOf(pem: string): string {
  return new X509Certificate(pem).validToDate.toISOString().slice(0, 10)
}
