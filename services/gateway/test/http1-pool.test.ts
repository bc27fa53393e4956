import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createManualClock } from '@quintet/chassis/testing/clock'
import fc from 'fast-check'
import { createHttpClient } from '../src/http1/client.ts'
import type { ExchangeListener, HttpConnection } from '../src/http1/connection.ts'
import { createManualTimers } from './manual-timers.ts'
import { startRawUpstream } from './start-upstream.ts'

/** The connections of a client against a model of them, in random order of all that can happen to them. */

const timeoutMs = 10_000
const stallTimeoutMs = 30_000
const idleMsMax = 4_000

type ConnectionModel = {
  /** The exchange in progress; undefined while it is idle. */
  exchange: number | undefined
  state: 'waiting' | 'streaming' | 'paused'
  isReused: boolean
  activeAtMs: number
  idleMsMax: number
}

type Model = {
  nowMs: number
  /** Open connections in the order of their establishment, and how many there have been. */
  readonly connections: Map<number, ConnectionModel>
  opened: number
  /** Idle connections, the most recently used last. */
  idle: number[]
  /** How each exchange ended, if it has. */
  readonly outcomes: (string | undefined)[]
}

type World = Awaited<ReturnType<typeof createWorld>>

/** A client, and a service that sends what the test says. */
async function createWorld(t: TestContext) {
  const sockets: Socket[] = []
  const requests: { exchange: number; connection: number }[] = []
  const url = await startRawUpstream(t, (socket) => {
    const connection = sockets.push(socket) - 1
    socket.on('data', (data) => {
      const [, exchange] = /^[A-Z]+ \/(\d+) /.exec(String(data)) ?? []
      if (exchange !== undefined) requests.push({ exchange: Number(exchange), connection })
    })
  })
  const clock = createManualClock(1_000_000)
  const timers = createManualTimers(clock)
  const client = createHttpClient({ url: new URL(url), timeoutMs, clock, startTimer: timers.start })
  t.after(client.close)
  const exchanges: Exchange[] = []
  return { client, clock, timers, sockets, requests, exchanges }
}

type Exchange = {
  readonly listener: ExchangeListener
  readonly connection: HttpConnection
  body: string
  outcome: string | undefined
  isPausing: boolean
}

function send({ client, exchanges }: World, method: string): void {
  const number = exchanges.length
  const listener: ExchangeListener = {
    onHead(_head, whole) {
      if (whole === undefined) return
      exchange.body = whole
      finish('complete')
    },
    onBody(chunk) {
      exchange.body += chunk.toString()
      if (exchange.isPausing) exchange.connection.pause(listener)
    },
    onEnd: () => finish('complete'),
    onFailure: ({ fault, isStale }) => finish(isStale ? 'stale' : fault),
  }
  const finish = (outcome: string) => {
    assert.equal(exchange.outcome, undefined, `exchange ${number} ended twice`)
    exchange.outcome = outcome
  }
  const target = `/${number}`
  const connection = client.send(
    { method, target, head: '\r\n', body: undefined, isChunked: false },
    listener,
  )
  const exchange: Exchange = { listener, connection, body: '', outcome: undefined, isPausing: false }
  exchanges.push(exchange)
}

/** Waits for what is in flight on the loopback. */
async function until(condition: () => boolean, what: string): Promise<void> {
  const lastMs = performance.now() + 5_000
  while (!condition()) {
    assert.ok(performance.now() < lastMs, what)
    await new Promise(setImmediate)
  }
}

const bodyOf = (exchange: number) => `response to ${exchange}`

/** What a service may respond, and for how long the connection may be idle after it. */
const responses = {
  length: {
    write: (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    idleMsMax,
  },
  chunks: {
    write: (body: string) =>
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    idleMsMax,
  },
  'a short time': {
    write: (body: string) =>
      `HTTP/1.1 200 OK\r\nKeep-Alive: timeout=2\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    idleMsMax: 1_000,
  },
  close: {
    write: (body: string) =>
      `HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    idleMsMax: 0,
  },
  'HTTP/1.0': {
    write: (body: string) => `HTTP/1.0 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    idleMsMax: 0,
  },
}

type ResponseKind = keyof typeof responses
type Command = fc.AsyncCommand<Model, World>

/** The open connection that is meant by a number, among those that the test accepts. */
function choose(model: Model, choice: number, accepts: (connection: ConnectionModel) => boolean) {
  const candidates = [...model.connections].filter(([, connection]) => accepts(connection))
  return candidates[choice % Math.max(1, candidates.length)]
}

/** A command on one of the connections that the test accepts. */
function onConnection(
  name: string,
  accepts: (connection: ConnectionModel) => boolean,
  run: (model: Model, world: World, number: number, connection: ConnectionModel, socket: Socket) => void,
): fc.Arbitrary<Command> {
  return fc.nat(20).map((choice) => ({
    toString: () => `${name}(${choice})`,
    check: (model) => choose(model, choice, accepts) !== undefined,
    async run(model, world) {
      const [number, connection] = choose(model, choice, accepts) ?? []
      const socket = world.sockets[number ?? -1]
      if (number === undefined || connection === undefined || socket === undefined) throw new Error(name)
      run(model, world, number, connection, socket)
      await assertAgreement(model, world)
    },
  }))
}

/** The connection is gone, and its exchange ends like this. */
function close(model: Model, number: number, outcome: string | undefined): void {
  const { exchange } = model.connections.get(number) ?? {}
  if (exchange !== undefined) model.outcomes[exchange] = outcome
  model.connections.delete(number)
  model.idle = model.idle.filter((one) => one !== number)
}

/** The exchange is complete, and its connection idle if it may be. */
function complete(model: Model, number: number, connection: ConnectionModel, idleMs: number): void {
  if (idleMs === 0) {
    close(model, number, 'complete')
    return
  }
  if (connection.exchange !== undefined) model.outcomes[connection.exchange] = 'complete'
  Object.assign(connection, {
    exchange: undefined,
    isReused: true,
    activeAtMs: model.nowMs,
    idleMsMax: idleMs,
  })
  model.idle.push(number)
}

async function assertAgreement(model: Model, world: World): Promise<void> {
  const { exchanges, sockets } = world
  const agrees = () =>
    model.outcomes.every((outcome, at) => exchanges[at]?.outcome === outcome) &&
    sockets.every((socket, at) => model.connections.has(at) !== socket.destroyed)
  const describe = () => ({
    model: model.outcomes,
    client: exchanges.map(({ outcome }) => outcome),
    open: [...model.connections.keys()],
    sockets: sockets.map(({ destroyed }) => !destroyed),
  })
  await until(agrees, JSON.stringify(describe())).catch(() => assert.fail(JSON.stringify(describe())))
  for (const [at, { body, outcome }] of exchanges.entries())
    if (outcome === 'complete') assert.equal(body, bodyOf(at))
    else assert.ok(bodyOf(at).startsWith(body), body)
  // Connections that became idle in this turn are for any request from now on.
  await new Promise(setImmediate)
}

const isIdle = ({ exchange }: ConnectionModel) => exchange === undefined
const isWaiting = ({ exchange, state }: ConnectionModel) => exchange !== undefined && state === 'waiting'
const isStreaming = ({ exchange, state }: ConnectionModel) => exchange !== undefined && state === 'streaming'
const isPaused = ({ exchange, state }: ConnectionModel) => exchange !== undefined && state === 'paused'
const isBusy = (connection: ConnectionModel) => !isIdle(connection)

const sendRequest: fc.Arbitrary<Command> = fc.constantFrom('GET', 'POST').map((method) => ({
  toString: () => `send(${method})`,
  check: ({ connections }) => connections.size < 8,
  async run(model, world) {
    for (let top = model.idle.at(-1); top !== undefined; top = model.idle.at(-1)) {
      const idle = model.connections.get(top)
      if (idle !== undefined && model.nowMs - idle.activeAtMs <= idle.idleMsMax) break
      close(model, top, undefined)
    }
    const exchange = model.outcomes.push(undefined) - 1
    const number = model.idle.pop() ?? model.opened++
    const isReused = model.connections.has(number)
    model.connections.set(number, {
      exchange,
      state: 'waiting',
      isReused,
      activeAtMs: model.nowMs,
      idleMsMax: 0,
    })
    send(world, method)
    await until(() => world.requests.length > exchange, 'the request arrives')
    assert.deepEqual(world.requests.at(-1), { exchange, connection: number })
    await assertAgreement(model, world)
  },
}))

const respond = fc.constantFrom(...(Object.keys(responses) as ResponseKind[])).chain((kind) =>
  onConnection(`respond with ${kind}`, isWaiting, (model, _world, number, connection, socket) => {
    socket.write(responses[kind].write(bodyOf(connection.exchange ?? -1)))
    complete(model, number, connection, responses[kind].idleMsMax)
  }),
)

const respondUntilClose = onConnection(
  'respond until close',
  isWaiting,
  (model, _world, number, connection, socket) => {
    socket.end(`HTTP/1.1 200 OK\r\n\r\n${bodyOf(connection.exchange ?? -1)}`)
    close(model, number, 'complete')
  },
)

/** Sends all but the last byte. */
const respondInPart = fc.boolean().chain((isPausing) =>
  onConnection(
    isPausing ? 'respond and pause' : 'respond in part',
    isWaiting,
    (model, world, _number, connection, socket) => {
      const exchange = world.exchanges[connection.exchange ?? -1]
      if (exchange !== undefined) exchange.isPausing = isPausing
      socket.write(responses.length.write(bodyOf(connection.exchange ?? -1)).slice(0, -1))
      Object.assign(connection, { state: isPausing ? 'paused' : 'streaming', activeAtMs: model.nowMs })
    },
  ),
)

const finishResponse = onConnection('finish', isStreaming, (model, _world, number, connection, socket) => {
  socket.write(bodyOf(connection.exchange ?? -1).slice(-1))
  complete(model, number, connection, idleMsMax)
})

const resume = onConnection('resume', isPaused, (model, world, _number, connection) => {
  const exchange = world.exchanges[connection.exchange ?? -1]
  if (exchange === undefined) throw new Error('there is no exchange to resume')
  exchange.isPausing = false
  exchange.connection.resume(exchange.listener)
  Object.assign(connection, { state: 'streaming', activeAtMs: model.nowMs })
})

const abort = onConnection('abort', isBusy, (model, world, number, connection) => {
  const exchange = world.exchanges[connection.exchange ?? -1]
  exchange?.connection.abort(exchange.listener)
  close(model, number, undefined)
})

const sendNonsense = onConnection('nonsense', isWaiting, (model, _world, number, _connection, socket) => {
  socket.write('nonsense\r\n\r\n')
  close(model, number, 'malformed')
})

const sendTooMuch = onConnection('too much', isStreaming, (model, _world, number, connection, socket) => {
  socket.write(`${bodyOf(connection.exchange ?? -1).slice(-1)}!`)
  close(model, number, 'malformed')
})

const sendUnrequested = onConnection('unrequested', isIdle, (model, _world, number, _connection, socket) => {
  socket.write(responses.length.write('unrequested'))
  close(model, number, undefined)
})

const endConnection = fc.constantFrom('FIN', 'RST').chain((kind) =>
  onConnection(
    kind,
    (connection) => !isPaused(connection),
    (model, _world, number, { state, isReused }, socket) => {
      if (kind === 'FIN') socket.end()
      else socket.resetAndDestroy()
      close(model, number, isReused && state === 'waiting' ? 'stale' : 'reset')
    },
  ),
)

const advance: fc.Arbitrary<Command> = fc.constantFrom(500, 1_001, 3_000, 4_001, 9_999, 25_000).map((ms) => ({
  toString: () => `advance(${ms})`,
  check: () => true,
  async run(model, world) {
    model.nowMs += ms
    for (const [number, connection] of [...model.connections]) {
      const limitMs = isPaused(connection) ? stallTimeoutMs : timeoutMs
      if (model.nowMs - connection.activeAtMs < limitMs) continue
      close(model, number, isPaused(connection) ? 'stalled' : 'timeout')
    }
    world.clock.advance(ms)
    world.timers.fire()
    await assertAgreement(model, world)
  },
}))

test('Connections and their pool do what a model of them does, whatever happens in whatever order', async (t) => {
  const commands = fc.commands(
    [
      sendRequest,
      sendRequest,
      sendRequest,
      respond,
      respond,
      respondUntilClose,
      respondInPart,
      finishResponse,
      resume,
      abort,
      sendNonsense,
      sendTooMuch,
      sendUnrequested,
      endConnection,
      advance,
    ],
    { maxCommands: 60, size: 'max' },
  )
  await fc.assert(
    fc.asyncProperty(commands, (sequence) =>
      fc.asyncModelRun(async () => {
        const model: Model = { nowMs: 0, connections: new Map(), opened: 0, idle: [], outcomes: [] }
        return { model, real: await createWorld(t) }
      }, sequence),
    ),
    { numRuns: 200, seed: 18 },
  )
})
