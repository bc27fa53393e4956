import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import { startGateway } from './start-gateway.ts'
import { startRawUpstream, startUpstream } from './start-upstream.ts'

test('A body that waits for 100 Continue gets that of the service, and is forwarded', async (t) => {
  const GUID_URL = await startUpstream(t, (request, response) => {
    response.setHeader('x-expect', String(request.headers.expect))
    request.pipe(response)
  })
  const { url } = await startGateway(t, { GUID_URL })
  const outgoing = request(`${url}/guid`, {
    method: 'POST',
    headers: { expect: '100-continue', 'content-length': 5 },
  })
  outgoing.flushHeaders()
  await once(outgoing, 'continue')
  outgoing.end('hello')
  const [answer]: IncomingMessage[] = await once(outgoing, 'response')
  assert.ok(answer)
  assert.equal(answer.headers['x-expect'], '100-continue')
  assert.equal(String((await answer.toArray()).join('')), 'hello')
})

test('A body that waits for 100 Continue gets the refusal alone where the service refuses it unread, and its connection is not used again', async (t) => {
  let connections = 0
  const GUID_URL = await startRawUpstream(t, (socket) => {
    connections += 1
    let text = ''
    socket.on('data', (bytes) => {
      text += String(bytes)
      if (text.includes('\r\n\r\n')) socket.write('HTTP/1.1 415 No\r\nContent-Length: 2\r\n\r\nno')
    })
  })
  const { port } = await startGateway(t, { GUID_URL })
  for (const [times, framing] of [
    'Content-Length: 5',
    'Content-Length: 100000',
    'Transfer-Encoding: chunked',
  ].entries()) {
    const socket = connect(port, '127.0.0.1')
    socket.write(`POST /guid HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n${framing}\r\n\r\n`)
    const received = (await socket.toArray()).join('')
    assert.match(received, /^HTTP\/1\.1 415 No\r\n(?:.*\r\n)*\r\nno$/)
    assert.equal(connections, times + 1)
  }
})

test('A body that waits for 100 Continue is sent to another address of its service, if the first refuses the connection', async (t) => {
  const GUID_URL = await startUpstream(t, (request, response) => request.pipe(response))
  const { url } = await startGateway(
    t,
    { GUID_URL: GUID_URL.replace('127.0.0.1', 'guid.test') },
    { resolve: async () => ['127.0.0.9', '127.0.0.1'].map((address) => ({ address, family: 4 })) },
  )
  for (let at = 0; at < 2; at += 1) {
    const outgoing = request(`${url}/guid`, {
      method: 'POST',
      headers: { expect: '100-continue', 'content-length': 5 },
    })
    outgoing.flushHeaders()
    outgoing.once('continue', () => outgoing.end('hello'))
    const [answer]: IncomingMessage[] = await once(outgoing, 'response')
    assert.equal(String((await answer?.toArray())?.join('')), 'hello')
  }
})
