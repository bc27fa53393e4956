import type { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { keepOpen } from './keep-open.ts'
import type { Attack } from './keep-open.ts'

/** What honest clients saw. */
type Honest = {
  readonly statuses: ReadonlyMap<number, number>
  readonly p99Ms: number
  readonly maxMs: number
}

const post = (path: string, fields: string) =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${fields}\r\n`

/** Connections that request one path again and again, 20 times ahead of the responses; `onOpen` reads them or not. */
const pipelining = (path: string, how: string, fields = '', onOpen?: (socket: Socket) => void): Attack => {
  const requests = `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`.repeat(20)
  return {
    name: `140 connections that pipeline ${path}${how}`,
    begin: (port, from) =>
      keepOpen({
        port,
        from,
        count: 140,
        first: requests,
        drip: requests,
        ...(onOpen !== undefined && { onOpen }),
      }),
  }
}

const readSlowly = (socket: Socket) => {
  socket.on('data', () => {
    socket.pause()
    setTimeout(() => socket.resume(), 200)
  })
}

const largeHead = `X-Large: ${'x'.repeat(16_250)}\r\n`
const hostileDigits = JSON.stringify({ cash: 0 }).replace('0', `1${'0'.repeat(45_000)}1`)

export const attacks: readonly Attack[] = [
  { name: 'nothing', begin: () => ({ stop() {} }) },
  {
    name: '515 connections that drip a head',
    begin: (port, from) =>
      keepOpen({ port, from, count: 515, first: 'GET /api/movies HTTP/1.1\r\nX: ', drip: 'x', everyMs: 500 }),
  },
  {
    name: '515 connections that drip a body',
    begin: (port, from) =>
      keepOpen({ port, from, count: 515, first: post('/api/movies', 'Content-Length: 1000\r\n'), drip: ' ' }),
  },
  {
    name: '600 connections that withhold a body',
    begin: (port, from) =>
      keepOpen({ port, from, count: 600, first: post('/api/movies', 'Content-Length: 100\r\n') }),
  },
  {
    name: '600 connections that drip a large body',
    begin: (port, from) =>
      keepOpen({
        port,
        from,
        count: 600,
        first: post('/api/movies', 'Content-Length: 200000\r\n'),
        drip: ' ',
      }),
  },
  {
    name: '600 connections that drip chunks',
    begin: (port, from) =>
      keepOpen({
        port,
        from,
        count: 600,
        first: post('/api/movies', 'Transfer-Encoding: chunked\r\n'),
        drip: '1\r\n \r\n',
      }),
  },
  {
    name: '200 clients that do not read their responses',
    begin: (port, from) =>
      keepOpen({
        port,
        from,
        count: 200,
        first: 'GET /api/movies?limit=1000 HTTP/1.1\r\nHost: a\r\n\r\n',
        onOpen: (socket) => socket.pause(),
      }),
  },
  {
    name: '600 pipelined requests on one connection',
    begin: (port, from) =>
      keepOpen({
        port,
        from,
        count: 1,
        first: 'GET /api/movies?limit=10 HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(600),
        drip: 'GET /api/movies?limit=10 HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(600),
      }),
  },
  pipelining('/openapi.json', ''),
  pipelining('/openapi.json', ', unread', '', (socket) => socket.pause()),
  pipelining('/docs/static/swagger-ui-bundle.js', ''),
  pipelining('/docs/static/swagger-ui-bundle.js', ', read slowly', '', readSlowly),
  pipelining('/metrics', ''),
  pipelining('/health', ''),
  pipelining('/health/ready', ''),
  pipelining('/api/movies?limit=99', ', which the cache does not have'),
  pipelining('/api/movies?limit=1000', ''),
  pipelining('/api/movies?limit=1000', ', unread', '', (socket) => socket.pause()),
  pipelining('/api/movies?limit=1000', ', read slowly', '', readSlowly),
  pipelining('/api/movies?title=no%20such%20title', ', a search that finds nothing'),
  pipelining('/api/movies?limit=1000&title=long', ', a search that finds all, unread', '', (socket) =>
    socket.pause(),
  ),
  pipelining('/api/movies/1', ', with many fields', 'a: b\r\n'.repeat(900)),
  {
    name: '3,000 connections that send nothing',
    begin: (port, from) => keepOpen({ port, from, count: 3_000, first: '' }),
  },
  {
    name: '12 uploads with a head that is too large',
    begin: (port, from) =>
      keepOpen({
        port,
        from,
        count: 12,
        first: post('/api/movies', `Connection: close\r\nContent-Length: 3000000\r\n${largeHead}`),
        onOpen: (socket) => socket.resume().write(Buffer.alloc(3_000_000)),
      }),
  },
  {
    name: '50 uploads that are reset midway',
    begin: (port, from) =>
      keepOpen({
        port,
        from,
        count: 50,
        first: post('/api/movies', 'Content-Length: 200000\r\n'),
        onOpen(socket) {
          socket.write(Buffer.alloc(100_000))
          setTimeout(() => socket.resetAndDestroy(), 20)
        },
      }),
  },
  {
    name: '4 bodies of hostile digits',
    begin: (port, from) =>
      keepOpen({
        port,
        from,
        count: 4,
        first:
          post('/accounts', `Connection: close\r\nContent-Length: ${hostileDigits.length}\r\n`) +
          hostileDigits,
      }),
  },
]

/** The requests of honest clients: reads and writes of the service that is attacked and of others. */
const honestRequests: readonly (readonly [string, string, unknown?])[] = [
  ['GET', '/api/movies?limit=10'],
  ['POST', '/api/movies', { title: 'Honest', description: 'x'.repeat(200) }],
  ['POST', '/accounts', { cash: 1 }],
  ['POST', '/guid', { user: 'honest' }],
  ['POST', '/api/billing', { user_id: '1', number_of_items: '1', total_amount: '1' }],
  ['GET', '/health/live'],
]

/** Sends honest requests for a while, some at a time; a connection that breaks counts as the status 0. */
export async function beHonest(url: string, forMs: number, requests = honestRequests): Promise<Honest> {
  const statuses = new Map<number, number>()
  const durations: number[] = []
  const endAt = performance.now() + forMs
  const client = async () => {
    for (let turn = 0; performance.now() < endAt; turn += 1) {
      const [method, path, body] = requests[turn % requests.length] ?? ['GET', '/']
      const startedAt = performance.now()
      const status = await statusOf(method, `${url}${path}`, body)
      durations.push(performance.now() - startedAt)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      await pause(5)
    }
  }
  await Promise.all(Array.from({ length: 4 }, client))
  durations.sort((one, other) => one - other)
  return {
    statuses,
    p99Ms: durations[Math.floor(durations.length * 0.99)] ?? 0,
    maxMs: durations.at(-1) ?? 0,
  }
}

async function statusOf(method: string, url: string, body: unknown): Promise<number> {
  try {
    const headers: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' }
    const response = await fetch(url, {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(15_000),
    })
    await response.arrayBuffer()
    return response.status
  } catch {
    return 0
  }
}

/** Movies enough for responses of a megabyte, which no socket holds. */
export async function fill(url: string): Promise<void> {
  const body = { title: 'Long', description: 'x'.repeat(5_000) }
  for (let count = 0; count < 300; count += 30)
    await Promise.all(Array.from({ length: 30 }, () => statusOf('POST', `${url}/api/movies`, body)))
}

/** The resident memory of the gateway's process, in bytes. */
export async function memoryOf(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(/^process_resident_memory_bytes(?:\{[^}]*\})? (\S+)$/m.exec(text)?.[1])
}

/** Begins an attack from a thread of its own; `from` is the address of the attacker. */
export function beginAttack(url: string, { name }: Attack, from?: string): { stop(): Promise<void> } {
  const workerData = { name, port: Number(new URL(url).port), from }
  const attacker = new Worker(new URL('attacker.ts', import.meta.url), { workerData })
  return {
    async stop() {
      attacker.postMessage('stop')
      await pause(200)
      await attacker.terminate()
    },
  }
}

/** Attacks for a while, with honest clients of another address meanwhile: limits for each client are what keeps them apart. */
export async function measure(url: string, attack: Attack, forMs: number): Promise<Honest> {
  const begun = beginAttack(url, attack, '127.0.0.2')
  try {
    await pause(1_000)
    return await beHonest(url, forMs)
  } finally {
    await begun.stop()
  }
}
