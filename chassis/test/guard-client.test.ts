import assert from 'node:assert/strict'
import { request } from 'node:http'
import type { OutgoingHttpHeaders } from 'node:http'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import fc from 'fast-check'
import type { InjectOptions } from 'fastify'
import { parseNetworks } from '../src/config/index.ts'
import { createClients, trustProxies } from '../src/guard/client.ts'
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

test('An address of IPv4 counts as itself, however IPv6 carries it, and one of IPv6 has one form', async (t) => {
  const app = await createSampleApp(t)
  app.get('/address', async (request) => ({ address: clientAddressOf(request) }))
  for (const [remoteAddress, address] of [
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:0201', '192.0.2.1'],
    ['64:ff9b::192.0.2.1', '192.0.2.1'],
    ['64:ff9b::c000:201', '192.0.2.1'],
    ['64:ff9b::1', '0.0.0.1'],
    ['64:ff9b:1::c000:201', '64:ff9b:1::c000:201'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
  ] as const)
    assert.equal(
      (await app.inject({ url: '/address', remoteAddress })).json().address,
      address,
      remoteAddress,
    )
})

test('Limits count by the network of an address of IPv6 that is configured', async (t) => {
  const app = await createSampleApp(t)
  const { port } = new URL(await listen(app, { host: '127.0.0.1', port: 0 }))
  trustProxies(app.server, '127.0.0.1')
  for (const [bits, same, other] of [
    [64, '2001:db8:0:1:ffff::', '2001:db8:0:2::'],
    [56, '2001:db8:0:ff::', '2001:db8:0:100::'],
    [48, '2001:db8:0:ffff::', '2001:db8:1::'],
    [128, '2001:db8:0:1::1', '2001:db8:0:1::2'],
    [33, '2001:db8:7fff::', '2001:db8:8000::'],
  ] as const) {
    const clientOf = createClients(app.server, bits)
    const keys: string[] = []
    app.server.removeAllListeners('request').on('request', (incoming, response) => {
      keys.push(clientOf(incoming).key)
      response.end()
    })
    for (const address of ['2001:db8:0:1::1', same, other])
      await (await fetch(`http://127.0.0.1:${port}`, { headers: { 'x-forwarded-for': address } })).text()
    assert.equal(keys[0], keys[1], same)
    assert.notEqual(keys[0], keys[2], other)
  }
})

test('A client that is no trusted proxy cannot choose what it counts as, whatever it sends', async (t) => {
  const app = await createSampleApp(t, { trustedProxies: '127.0.0.1, 10.0.0.0/8' })
  app.get('/network', async (request) => ({ network: clientNetworkOf(request) }))
  const address = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('10.0.0.1', '127.0.0.1', 'unknown', ''))
  const own = fc.array(address, { maxLength: 5 }).map((list) => list.join(', '))
  const names = ['forwarded', 'x-real-ip', 'x_forwarded_for', 'x-forwarded', 'client-ip', 'true-client-ip']
  const fields = fc.dictionary(fc.constantFrom(...names), own, { maxKeys: 4 })
  // What the proxies add behind it: first the address that the client connects from, then those of proxies.
  const proxies = fc.array(fc.constantFrom('10.0.0.1', '10.255.0.9'), { maxLength: 3 })
  const property = fc.asyncProperty(
    own,
    fields,
    proxies,
    fc.boolean(),
    async (written, more, hops, isDirect) => {
      const direct = { remoteAddress: '192.0.2.7', forwardedFor: written }
      const proxied = { remoteAddress: '127.0.0.1', forwardedFor: [written, '192.0.2.7', ...hops].join(', ') }
      const { remoteAddress, forwardedFor } = isDirect ? direct : proxied
      const headers = { ...more, 'x-forwarded-for': forwardedFor }
      const response = await app.inject({ url: '/network', remoteAddress, headers })
      assert.equal(response.json().network, '192.0.2.7')
    },
  )
  await fc.assert(property, { numRuns: 300 })
})
