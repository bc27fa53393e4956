import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { listenOn } from '@quintet/chassis/testing/sockets'
import { authority, tlsFiles } from '@quintet/chassis/testing/tls'
import { sendTrusting } from '../src/send.ts'
import type { Trust } from '../src/send.ts'

/** A server with a certificate for these names, and what a GET of it gets with some trust. */
async function world(
  t: TestContext,
  { names = ['127.0.0.1'], listener }: { names?: string[]; listener?: RequestListener } = {},
) {
  const { ca, issued } = tlsFiles(t, authority(), { names })
  const { certificate, key } = issued()
  const server = createServer(
    { cert: certificate, key },
    listener ?? ((_request, response) => response.end('reached')),
  )
  const url = `https://127.0.0.1:${await listenOn(t, server)}/`
  return {
    ...{ ca, certificate },
    send: (trust: Trust, signal = AbortSignal.timeout(10_000)) =>
      sendTrusting(() => trust)(url, { headers: { accept: 'text/plain' }, signal }),
  }
}

test('A server is reached by the authority of its certificate, and not without it', async (t) => {
  const { ca, send } = await world(t)
  assert.equal(await (await send({ ca })).text(), 'reached')
  await assert.rejects(send({}), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })
  await assert.rejects(send({ ca: authority('another').certificate }), {
    code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  })
})

test('A certificate for another name is refused, unless it is the one that this system has for the server', async (t) => {
  const { ca, certificate, send } = await world(t, { names: ['api.example.com'] })
  await assert.rejects(send({ ca }), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
  assert.equal(await (await send({ own: certificate })).text(), 'reached')
  assert.equal(await (await send({ own: certificate, ca })).text(), 'reached')
  const another = tlsFiles(t).issued().certificate
  await assert.rejects(send({ own: another, ca }), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
  await assert.rejects(send({ own: another }), { code: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY' })
})

test('A response has its status, all its fields and its body, and a redirect is not followed', async (t) => {
  const { ca, send } = await world(t, {
    listener(request, response) {
      response.writeHead(request.headers.accept === 'text/plain' ? 307 : 500, {
        location: 'https://127.0.0.1:1/',
        link: ['</a>; rel="next"', '</b>; rel="prev"'],
      })
      response.end('elsewhere')
    },
  })
  const response = await send({ ca })
  assert.equal(response.status, 307)
  assert.equal(response.headers.get('link'), '</a>; rel="next", </b>; rel="prev"')
  assert.equal(await response.text(), 'elsewhere')
})

test('A response without a body has none', async (t) => {
  const { ca, send } = await world(t, { listener: (_request, response) => response.writeHead(204).end() })
  const response = await send({ ca })
  assert.equal(response.status, 204)
  assert.equal(response.body, null)
})

test('A server that does not respond is given up with the reason of the signal', async (t) => {
  const { ca, send } = await world(t, { listener: () => {} })
  await assert.rejects(send({ ca }, AbortSignal.timeout(200)), { name: 'TimeoutError' })
})
