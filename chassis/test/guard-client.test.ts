import assert from 'node:assert/strict'
import { request } from 'node:http'
import type { OutgoingHttpHeaders } from 'node:http'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { InjectOptions } from 'fastify'
import { parseNetworks } from '../src/config/index.ts'
import { clientAddressOf, clientNetworkOf, linkToNextPage, listen } from '../src/http/index.ts'
import { createSampleApp } from './sample-app.ts'

/** A service that trusts these proxies, and a client on the loopback address which it takes for the one that results. */
async function startService(t: TestContext, trustedProxies?: string) {
  const app = await createSampleApp(t, trustedProxies === undefined ? {} : { trustedProxies })
  app.get('/address', async (request) => ({ address: clientAddressOf(request) }))
  const url = await listen(app, { host: '127.0.0.1', port: 0 })
  return async (forwardedFor?: string | string[], localAddress = '127.0.0.1'): Promise<unknown> => {
    const headers: OutgoingHttpHeaders = forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor }
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    request(`${url}/address`, { headers, localAddress }, async (response) => {
      resolve((await response.toArray()).join(''))
    })
      .on('error', reject)
      .end()
    return JSON.parse(await promise).address
  }
}

test('Without trusted proxies the client is the other end of the connection, whatever it says', async (t) => {
  for (const list of [undefined, 'none', '10.0.0.0/8']) {
    const addressFor = await startService(t, list)
    for (const forged of [undefined, '1.2.3.4', '1.2.3.4, 127.0.0.1', '::1', 'nonsense'])
      assert.equal(await addressFor(forged), '127.0.0.1')
    assert.equal(await addressFor('1.2.3.4', '127.0.0.9'), '127.0.0.9')
  }
})

test('The prefix that a proxy states is before the paths that a response leads to, if the proxy is trusted', async (t) => {
  for (const [trustedProxies, prefix] of [
    ['127.0.0.1', '/before'],
    ['none', ''],
    ['10.0.0.0/8', ''],
  ] as const) {
    const app = await createSampleApp(t, { trustedProxies })
    app.get('/list', (request, reply) => {
      reply.header('link', linkToNextPage(request, 'x')).send([])
    })
    app.post('/made', (_, reply) => {
      reply.code(201).header('location', '/made/1').send({})
    })
    app.get('/elsewhere', (_, reply) => reply.redirect('https://example.com/'))
    const responseTo = (url: string, options: InjectOptions = {}) =>
      app.inject({ url, headers: { 'x-forwarded-prefix': '/before' }, ...options })
    assert.equal((await responseTo('/list')).headers.link, `<${prefix}/list?cursor=x>; rel="next"`)
    assert.equal((await responseTo('/made', { method: 'POST' })).headers.location, `${prefix}/made/1`)
    assert.equal((await responseTo('/elsewhere')).headers.location, 'https://example.com/')
    const home = await responseTo('/')
    assert.equal(
      home.headers.link,
      `<${prefix}/openapi.json>; rel="service-desc", <${prefix}/docs/>; rel="service-doc", <${prefix}/health/ready>; rel="status"`,
    )
    assert.deepEqual(
      [home.json().openapi, home.json().docs, home.json().health],
      [`${prefix}/openapi.json`, `${prefix}/docs/`, `${prefix}/health/ready`],
    )
  }
})

test('Behind trusted proxies the client is the last address that is not one of them; what it wrote itself is before that', async (t) => {
  const addressFor = await startService(t, '127.0.0.1, 10.0.0.0/8, 2001:db8::/32')
  const cases: [string | string[] | undefined, string][] = [
    [undefined, '127.0.0.1'],
    ['1.2.3.4', '1.2.3.4'],
    ['9.9.9.9, 1.2.3.4', '1.2.3.4'],
    ['9.9.9.9, 1.2.3.4, 10.1.2.3', '1.2.3.4'],
    [['9.9.9.9', '1.2.3.4,10.1.2.3'], '1.2.3.4'],
    ['10.1.2.3, 10.1.2.4', '10.1.2.3'],
    ['1.2.3.4:5678', '1.2.3.4'],
    ['2001:db9::7, 2001:db8::1', '2001:db9::7'],
    ['[2001:db9::7]:443', '2001:db9::7'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['fe80::1%eth0', 'fe80::1'],
  ]
  for (const [forwardedFor, expected] of cases)
    assert.equal(await addressFor(forwardedFor), expected, String(forwardedFor))
})

test('An entry that is no address ends the search at the proxy that passed it on', async (t) => {
  const addressFor = await startService(t, '127.0.0.1, 10.0.0.0/8')
  for (const forwardedFor of ['unknown', '_hidden', '', ',', '1.2.3.4, unknown', '999.1.1.1', "1.2.3.4'--"])
    assert.equal(await addressFor(forwardedFor), '127.0.0.1', forwardedFor)
  assert.equal(await addressFor('1.2.3.4, unknown, 10.9.9.9'), '10.9.9.9')
})

test('A list of trusted proxies has addresses and subnets of both families, and nothing else', () => {
  for (const list of ['none', '10.0.0.0/8', '::1', '10.0.0.1,::/0', ' 10.0.0.1 , fd00::/8 ', '0.0.0.0/0'])
    assert.ok(parseNetworks(list), list)
  for (const list of [
    '',
    'all',
    '10.0.0.0/33',
    '::/129',
    '10.0.0/8',
    'example.com',
    '10.0.0.1,',
    '10.0.0.1/8/8',
    '::1/-1',
  ])
    assert.equal(parseNetworks(list), undefined, list)
})

test('A client counts by its address, or by the first 64 bits of one of IPv6, however that is written', async (t) => {
  const app = await createSampleApp(t)
  app.get('/network', async (request) => ({ network: clientNetworkOf(request) }))
  for (const [remoteAddress, network] of [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['2001:DB8:0:0:1:2:3:4', '2001:db8:0:0'],
    ['2001:db8:1:2:3::', '2001:db8:1:2'],
    ['2001:db8:0:1::', '2001:db8:0:1'],
    ['2001:db8:0:1:0:0:0:1', '2001:db8:0:1'],
    ['::1', '0:0:0:0'],
  ] as const)
    assert.deepEqual(
      (await app.inject({ url: '/network', remoteAddress })).json(),
      { network },
      remoteAddress,
    )
})
