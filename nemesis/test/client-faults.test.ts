import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { listenOn } from '@quintet/chassis/testing/sockets'
import { greedyClient, slowReaders } from '../faults/client-faults.ts'

const responseBytes = 100_000

test('Slow readers send many requests and take next to nothing of the responses, until the fault ends', async (t: TestContext) => {
  const server = createServer((_request, response) => response.end('x'.repeat(responseBytes)))
  const connections = new Set<{ bytesWritten: number }>()
  server.on('connection', (socket) => connections.add(socket))
  const { begin, end } = slowReaders(`http://127.0.0.1:${await listenOn(t, server)}`, '/', 2)
  const requests = once(server, 'request')
  await begin()
  await requests
  await pause(300)
  t.assert.equal(connections.size, 2)
  for (const { bytesWritten } of connections)
    t.assert.ok(bytesWritten < 100 * responseBytes, `${bytesWritten}`)
  const closed = once(server, 'close')
  server.close()
  await end()
  await closed
})

test('A greedy client keeps its connections open until the fault ends', async (t: TestContext) => {
  const server = createServer(() => {})
  const { begin, end } = greedyClient(`http://127.0.0.1:${await listenOn(t, server)}`, 50)
  await begin()
  const open = () =>
    new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)))
  while ((await open()) < 50) await pause(5)
  await end()
  while ((await open()) > 0) await pause(5)
})
