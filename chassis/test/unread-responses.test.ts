import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { test } from 'node:test'
import { boundUnread } from '@quintet/chassis/http'

/** More than the buffers of both ends of a connection hold. */
const large = Buffer.alloc(64 * 1024 * 1024)

test('Of too many unread responses the oldest of the client that has most is cut, and those that are read do not count', async (t) => {
  const holdUnread = boundUnread(3)
  const events: string[] = []
  const server = createServer((request, response) => {
    const [client = '', name = ''] = String(request.url).slice(1).split('/')
    holdUnread(client, response)
    response.once('close', () => events.push(`${name} ${response.writableFinished ? 'read' : 'cut'}`))
    response.end(large)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port }: Pick<AddressInfo, 'port'> = Object(server.address())
  /** Requests a response, and resolves once it begins; reads the rest if told to. */
  async function request(path: string, isRead = false): Promise<void> {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    t.after(() => socket.destroy())
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
    await once(socket, 'readable')
    if (isRead) await once(socket.resume(), 'close')
  }
  for (const name of ['read 1', 'read 2', 'read 3']) await request(`/one/${encodeURIComponent(name)}`, true)
  for (const name of ['a', 'b']) await request(`/one/${name}`)
  await request('/two/c')
  assert.deepEqual(
    events.filter((event) => event.endsWith('cut')),
    [],
  )
  await request('/two/d')
  await request('/one/e')
  while (events.length < 5) await new Promise(setImmediate)
  assert.deepEqual(events.slice(3), ['a cut', 'c cut'])
})
