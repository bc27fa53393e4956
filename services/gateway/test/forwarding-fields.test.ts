import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ownerOf } from '../src/forwarding-fields.ts'
import { headerField } from '../src/http1/header-fields.ts'

function owner(name: string) {
  const field = headerField(name)
  assert.ok(field)
  return ownerOf(field)
}

const ofProxies = [
  // Addresses.
  ...['X-Real-IP', 'True-Client-IP', 'CF-Connecting-IP', 'CF-Connecting-IPv6', 'CF-Pseudo-IPv4', 'Client-IP'],
  ...[
    'EO-Client-IP',
    'Ali-CDN-Real-IP',
    'CDN-Src-IP',
    'Fastly-Client-IP',
    'X-ARR-ClientIP',
    'X-Sucuri-ClientIP',
  ],
  ...[
    'X-Azure-ClientIP',
    'X-Azure-SocketIP',
    'X-AppEngine-User-IP',
    'X-Cluster-Client-IP',
    'Incap-Client-IP',
  ],
  ...['Remote-Addr', 'Remote-Address', 'RemoteAddr', 'X-Envoy-External-Address', 'CloudFront-Viewer-Address'],
  ...['X-Client-IP6', 'X-IP', 'IP', 'X-ProxyUser-IP', 'X-NF-Client-Connection-IP', 'X-Coming-From-IP'],
  // Forwarding.
  ...['Forwarded', 'X-Forwarded', 'X-Forwarded-Port', 'X-Forwarded-Client-Cert', 'X-Forwarded-User'],
  ...['Forwarded-For', 'X-Original-Forwarded-For', 'X-Vercel-Forwarded-For', 'X-ProxyMesh-Forward'],
  // Users and certificates.
  ...['Remote-User', 'X-Remote-User', 'X-Remote-Group', 'X-Auth-Request-Email', 'X-Authenticated-User'],
  ...['X-WebAuth-User', 'X-SSL-Client-Cert', 'SSL-Client-S-DN', 'Client-Cert', 'Client-Cert-Chain'],
  ...['X-Client-Cert', 'X-Amzn-OIDC-Data', 'X-Goog-Authenticated-User-Email', 'X-MS-Client-Principal'],
  ...['Cf-Access-Authenticated-User-Email', 'Tailscale-User-Login', 'X-Amzn-Mtls-Clientcert'],
  // The original request.
  ...['X-Original-URI', 'X-Original-Method', 'X-Original-URL', 'X-Original-Host', 'X-Rewrite-URL', 'X-Host'],
  ...['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override', 'X-HTTP-Host-Override'],
  ...['X-Scheme', 'X-URL-Scheme', 'Front-End-Https', 'X-Accel-Redirect', 'X-Sendfile-Type', 'Proxy'],
]

test('Fields of the address, the identity or the original request of a client are those of proxies, however they are spelt', () => {
  for (const name of ofProxies)
    for (const spelt of [name, name.toUpperCase(), name.replaceAll('-', '_'), name.replaceAll('-', '.')])
      assert.equal(owner(spelt), 'proxy', spelt)
})

test('Other fields are those of the client', () => {
  for (const name of [
    ...['Accept', 'Authorization', 'Cookie', 'Content-Type', 'Idempotency-Key', 'If-Match', 'Max-Forwards'],
    ...['Prefer', 'Proxy-Authorization', 'Origin', 'Referer', 'User-Agent', 'Last-Event-ID', 'Range'],
    ...['X-Requested-With', 'X-Correlation-Id', 'X-B3-TraceId', 'X-Amzn-Trace-Id', 'baggage', 'b3'],
    ...['X-Tooltip', 'X-Zip', 'X-Membership', 'Zip', 'X-Realm', 'X-Sslmode', 'X-Originality', 'X-Hostname'],
  ])
    assert.equal(owner(name), 'client', name)
})

test('The fields that the gateway writes are its own', () => {
  for (const name of [
    'traceparent',
    'X-Request-ID',
    'X_Request_Id',
    'Via',
    'Host',
    'X-Forwarded-For',
    'Expect',
  ])
    assert.equal(owner(name), 'gateway', name)
})
