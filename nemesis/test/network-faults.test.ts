import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { listenOn } from '@quintet/chassis/testing/sockets'
import { startProxy } from '@quintet/chassis/testing/proxy'
import { networkFaults } from '../faults/network-faults.ts'

const promptMs = 200

test('Each fault of the network keeps a client of a connection from a prompt response, and after it a new connection works', async (t: TestContext) => {
  const server = createServer((socket) => socket.on('error', () => {}).pipe(socket))
  const proxy = await startProxy(t, `tcp://127.0.0.1:${await listenOn(t, server)}`)
  for (const { name, begin, end } of networkFaults(proxy)) {
    const client = await open(t, proxy.port)
    t.assert.equal(await isPrompt(client), true, `before ${name}`)
    await begin()
    t.assert.equal(await isPrompt(client), false, `during ${name}`)
    await end()
    t.assert.equal(await isPrompt(await open(t, proxy.port)), true, `after ${name}`)
  }
})

async function open(t: TestContext, port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}

function isPrompt(socket: Socket): Promise<boolean> {
  socket.write('x')
  return once(socket, 'data', { signal: AbortSignal.timeout(promptMs) }).then(
    () => true,
    () => false,
  )
}
