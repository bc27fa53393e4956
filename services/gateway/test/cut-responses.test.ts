import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { ask } from './ask.ts'
import { startGateway } from './start-gateway.ts'
import { startRawUpstream } from './start-upstream.ts'

/** A service ends its connection after each number of bytes of its response, and what the client then gets. */

const framings = {
  'a length': (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  chunks: (body: string) =>
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9;a=b\r\n${body.slice(0, 9)}\r\n${(body.length - 9).toString(16)}\r\n${body.slice(9)}\r\n0\r\nX-T: 1\r\n\r\n`,
  neither: (body: string) => `HTTP/1.1 200 OK\r\n\r\n${body}`,
}

const ends = {
  FIN: (socket: Socket, text: string) => socket.end(text, 'latin1'),
  RST: (socket: Socket, text: string) => socket.write(text, 'latin1', () => socket.resetAndDestroy()),
}

type Framing = keyof typeof framings
type End = keyof typeof ends

/** Unlike in any other response: who asked, and how often. */
const bodyOf = (path: string, attempt: number) => `response ${attempt} to ${path}`

/** A service that cuts its first response to a path such as `/guids?FIN-40` after 40 bytes, and completes all others. */
async function createWorld(t: TestContext, framing: Framing) {
  const attempts = new Map<string, number>()
  const GUID_URL = await startRawUpstream(t, (socket) =>
    socket.on('data', (data) => {
      const [, path = '', end = '', bytes = ''] = /^\S+ (\S+?([A-Z]+)?-(\d+)) /.exec(String(data)) ?? []
      const attempt = (attempts.get(path) ?? 0) + 1
      attempts.set(path, attempt)
      const text = framings[framing](bodyOf(path, attempt))
      if (attempt === 1 && (end === 'FIN' || end === 'RST')) ends[end](socket, text.slice(0, Number(bytes)))
      else if (framing === 'neither') socket.end(text)
      else socket.write(text)
    }),
  )
  // The failures are those of the test, and must neither open the circuit nor use up the retries.
  const settings = {
    GATEWAY_CIRCUIT_FAULTS_MAX: 1_000,
    GATEWAY_CIRCUIT_FAULT_PERCENT: 100,
    GATEWAY_RETRY_PERCENT: 100,
  }
  const { url } = await startGateway(t, { GUID_URL, ...settings })
  const send = async (method: string, path: string) => {
    const body = method === 'POST' ? 'x' : ''
    const received = await ask(`${url}${path}`, { method, body }).then(
      (answer) => (answer.status === 200 ? answer.body.toString() : answer.status),
      () => 'truncated',
    )
    return { received, attempts: attempts.get(path) ?? 0 }
  }
  return { send }
}

/** What a client may get if its response was cut after this number of bytes. */
function expected(method: string, path: string, text: string, bytes: number) {
  if (bytes >= text.indexOf('\r\n\r\n') + 4)
    return { received: bytes < text.length ? 'truncated' : bodyOf(path, 1), attempts: 1 }
  return method === 'GET' ? { received: bodyOf(path, 2), attempts: 2 } : { received: 502, attempts: 1 }
}

for (const framing of ['a length', 'chunks'] as const)
  for (const method of ['GET', 'POST'])
    test(`A response with ${framing} to ${method} that is cut by FIN at any byte is ${method === 'GET' ? 'asked for again if its head is incomplete' : 'never asked for again'}, or truncated`, async (t) => {
      const { send } = await createWorld(t, framing)
      await atEachByte(framing, 'FIN', async (path, text, bytes) => {
        assert.deepEqual(await send(method, path), expected(method, path, text, bytes), `${bytes} bytes`)
        await assertPoolIsSound(send, bytes)
      })
    })

for (const framing of ['a length', 'chunks', 'neither'] as const)
  for (const method of ['GET', 'POST'])
    test(`A response with ${framing} to ${method} that is cut by RST at any byte is never taken for complete`, async (t) => {
      const { send } = await createWorld(t, framing)
      await atEachByte(framing, 'RST', async (path, text, bytes) => {
        const outcome = await send(method, path)
        // A reset may overtake the bytes before it.
        const possible = Array.from({ length: bytes + 1 }, (_, at) => expected(method, path, text, at))
        if (framing === 'neither') possible.splice(text.length)
        assert.ok(
          possible.some((one) => one.received === outcome.received && one.attempts === outcome.attempts),
          `${bytes} bytes: ${JSON.stringify(outcome)}`,
        )
        await assertPoolIsSound(send, bytes)
      })
    })

/** Some at a time, so that connections are shared. */
async function atEachByte(
  framing: Framing,
  end: End,
  check: (path: string, text: string, bytes: number) => Promise<void>,
): Promise<void> {
  const lengthMax = framings[framing](bodyOf(`/guids?${end}-100`, 1)).length
  for (let from = 0; from <= lengthMax; from += 8)
    await Promise.all(
      Array.from({ length: Math.min(8, lengthMax + 1 - from) }, (_, at) => {
        const path = `/guids?${end}-${from + at}`
        return check(path, framings[framing](bodyOf(path, 1)), from + at)
      }),
    )
}

/** The next requests get their own responses, at once. */
async function assertPoolIsSound(
  send: (method: string, path: string) => Promise<object>,
  bytes: number,
): Promise<void> {
  for (const method of ['POST', 'GET']) {
    const path = `/guids?${method}-${bytes}`
    assert.deepEqual(
      await send(method, path),
      { received: bodyOf(path, 1), attempts: 1 },
      `after ${bytes} bytes`,
    )
  }
}
