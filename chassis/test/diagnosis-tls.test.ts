import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { test } from 'node:test'
import { diagnoseTls, diagnoseTrust } from '@quintet/chassis/diagnosis'
import { authority, namedTlsFiles, tlsFiles, validDays } from '@quintet/chassis/testing/tls'

/** What is found out about these files, without the paths, at this many days from now. */
function findingsAt(days: number, files: ReturnType<typeof tlsFiles>, authorities?: string): string[] {
  return diagnoseTls(namedTlsFiles(files, authorities), Date.now() + days * 86_400_000).map(
    ({ verdict, text }) =>
      `${verdict}: ${text.replace(/, \/[^ ]*,/g, '').replace(/\d{4}-[\d-]+T[\d:.]+Z/, 'then')}`,
  )
}

const fits = 'good: TLS_KEY_FILE is the key of the first certificate in TLS_CERT_FILE.'

test('The findings on a certificate say until when it is valid, also of authorities, and that the key fits', (t) => {
  const files = tlsFiles(t, undefined, validDays(-1, 90))
  const clients = tlsFiles(t, authority('of clients'))
  assert.deepEqual(findingsAt(0, files, clients.authority), [
    'good: TLS_CERT_FILE has the certificate of CN=localhost, which is valid until then.',
    'weak: TLS_CLIENT_CA_FILE has the certificate of CN=of clients, which ends on then, in 1 day: renew it.',
    fits,
  ])
})

test('A certificate that ends within 30 days is a warning, and one that has ended or has not begun a fault', (t) => {
  const files = tlsFiles(t, undefined, validDays(0, 90))
  for (const [days, start] of [
    [59, 'good: TLS_CERT_FILE has the certificate of CN=localhost, which is valid until'],
    [
      61,
      'weak: TLS_CERT_FILE has the certificate of CN=localhost, which ends on then, in 28 days: renew it.',
    ],
    [91, 'broken: TLS_CERT_FILE has a certificate that ended on then.'],
    [-1, 'broken: TLS_CERT_FILE has a certificate that begins on then.'],
  ] as const) {
    const [first = '', ...others] = findingsAt(days, files)
    assert.ok(first.startsWith(start), first)
    assert.deepEqual(others, start.startsWith('broken') ? [] : [fits])
  }
})

test('A key of another certificate and a file that is missing are faults, beside what is good', (t) => {
  const files = tlsFiles(t, undefined, validDays(-1, 90))
  files.write(files.key, files.issued().key)
  const valid = 'good: TLS_CERT_FILE has the certificate of CN=localhost, which is valid until then.'
  assert.deepEqual(findingsAt(0, files), [
    valid,
    'broken: TLS_KEY_FILE is not the key of the certificate in TLS_CERT_FILE.',
  ])
  rmSync(files.key)
  assert.deepEqual(findingsAt(0, files), [
    valid,
    'broken: TLS_KEY_FILE does not exist: it must be a file with a private key in PEM that needs no passphrase.',
  ])
})

test('A server is verified by the authority of its certificate, and the finding says where that is not one of the client', (t) => {
  const by = authority('of services')
  const files = tlsFiles(t, by)
  const server = namedTlsFiles(files)
  const verdictBy = (path: string | undefined) => {
    const authorities = path === undefined ? undefined : { setting: 'GATEWAY_UPSTREAM_CA_FILE', path }
    const client = { certificate: undefined, key: undefined, authorities }
    return diagnoseTrust(server, client, Date.now()).map(({ verdict, text }) => `${verdict}: ${text}`)
  }
  assert.deepEqual(verdictBy(files.authority), [
    'good: TLS_CERT_FILE is of an authority in GATEWAY_UPSTREAM_CA_FILE.',
  ])
  // Another authority of the same name has another key.
  for (const other of [authority('another'), authority('of services')])
    assert.deepEqual(verdictBy(tlsFiles(t, other).authority), [
      'weak: TLS_CERT_FILE is of no authority in GATEWAY_UPSTREAM_CA_FILE, so that it cannot be verified.',
    ])
  // Not by itself, as a certificate of no authority would be.
  assert.match(verdictBy(files.certificate).join(), /^weak: /)
  assert.deepEqual(verdictBy(undefined), [
    'weak: TLS_CERT_FILE is of no authority in the system, so that it cannot be verified.',
  ])
  rmSync(files.certificate)
  assert.deepEqual(verdictBy(files.authority), [])
})
