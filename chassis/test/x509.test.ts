import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { createAuthority, issueCertificate } from '@quintet/chassis/x509'
import { validDays } from './tls-world.ts'

test('A certificate is of its authority, for its names and addresses, and fits its key', () => {
  const authority = createAuthority({ commonName: 'an authority', ...validDays(-1, 2) })
  const names = ['example.com', '*.example.net', '192.0.2.1', '2001:db8::1', '::1']
  const issued = issueCertificate(authority, { names, ...validDays(-1, 1) })
  const [root, leaf] = [new X509Certificate(authority.certificate), new X509Certificate(issued.certificate)]
  assert.equal(root.ca, true)
  assert.equal(leaf.ca, false)
  assert.ok(leaf.checkIssued(root) && leaf.verify(root.publicKey) && root.verify(root.publicKey))
  assert.ok(leaf.checkPrivateKey(createPrivateKey(issued.key)))
  for (const name of ['example.com', 'a.example.net']) assert.ok(leaf.checkHost(name), name)
  for (const address of ['192.0.2.1', '2001:db8::1', '::1']) assert.ok(leaf.checkIP(address), address)
  assert.equal(leaf.checkHost('example.org'), undefined)
  assert.equal(leaf.checkIP('192.0.2.2'), undefined)
})

test('A certificate states its times, also those from 2050 on', () => {
  for (const notAfter of [Date.UTC(2049, 11, 31, 23, 59, 59), Date.UTC(2050, 0, 1), Date.UTC(2112, 1, 29)]) {
    const { certificate } = createAuthority({
      commonName: 'an authority',
      notBefore: Date.UTC(2020, 0, 1),
      notAfter,
    })
    const { validFromDate, validToDate } = new X509Certificate(certificate)
    assert.deepEqual([validFromDate.getTime(), validToDate.getTime()], [Date.UTC(2020, 0, 1), notAfter])
  }
})
