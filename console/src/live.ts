import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Clock } from '@quintet/chassis/clock'
import { AppError, invalid } from '@quintet/chassis/errors'
import { beginStream, describeOperations, problems } from '@quintet/chassis/http'
import type { App, FastifyRequest } from '@quintet/chassis/http'
import { Type } from 'typebox'
import { createFollower } from './follower.ts'
import type { Follower } from './follower.ts'
import type { Reader } from './reader.ts'
import type { LiveLogs, LiveTraces, QueueSummary, SystemMap } from './wire/index.ts'

type LiveParts = {
  readonly clock: Clock
  readonly reader: Reader
  readonly map: () => Promise<SystemMap>
  readonly queues: () => Promise<readonly QueueSummary[]>
  /** Whether the client was admitted by a session or a token, which may end. */
  readonly isOfSomebody?: (request: FastifyRequest) => boolean
  /** How often there is a batch, and a heartbeat where there is none; for tests. */
  readonly batchMs?: number
  readonly heartbeatMs?: number
}

const topics = ['map', 'traces', 'logs', 'queues'] as const
type Topic = (typeof topics)[number]

const operation = describeOperations('live')
const streamsMax = 20
/** What a client has not read; beyond it batches are left out. */
const bufferedMax = 262_144
const intervals = { batchMs: 250, heartbeatMs: 15_000 }
/** The figures of the map and the queues are read again after so many batches. */
const figuresEvery = 4

/** Adds the stream of what happens. */
export function addLive(app: App, parts: LiveParts): void {
  const { clock, heartbeatMs = intervals.heartbeatMs, batchMs = intervals.batchMs } = parts
  const streams = new Set<Stream>()
  let timer: NodeJS.Timeout | undefined
  let following: Promise<Follower> | undefined
  let batches = 0

  /** What has happened until now is not sent. */
  async function begin(): Promise<Follower> {
    const follower = createFollower(parts.reader, clock)
    await follower.next().catch(() => undefined)
    return follower
  }

  /** One look for all streams. What cannot be read now is there with a later one. */
  async function sendBatch(): Promise<void> {
    const isWanted = (topic: Topic) => [...streams].some((stream) => stream.topics.has(topic))
    following ??= begin()
    const follower = await following
    const isTimeForFigures = batches % figuresEvery === 0
    batches += 1
    const [recent, map, queues] = await Promise.all([
      isWanted('traces') || isWanted('logs') ? follower.next().catch(() => undefined) : undefined,
      isTimeForFigures && isWanted('map') ? parts.map().catch(() => undefined) : undefined,
      isTimeForFigures && isWanted('queues') ? parts.queues().catch(() => undefined) : undefined,
    ])
    for (const stream of streams) {
      if (recent !== undefined) stream.sendRecent(recent)
      if (map !== undefined) stream.sendFigures('map', map)
      if (queues !== undefined) stream.sendFigures('queues', { data: [...queues] })
      stream.keepAlive(heartbeatMs)
    }
  }

  /** The next after the one before has been sent. */
  function schedule(): void {
    if (timer !== undefined || streams.size === 0) return
    timer = setTimeout(() => {
      void sendBatch().finally(() => {
        timer = undefined
        if (streams.size === 0) following = undefined
        schedule()
      })
    }, batchMs).unref()
  }

  app.get(
    '/api/live',
    {
      config: { mediaTypes: ['text/event-stream'] },
      // A response to HEAD would have no end.
      exposeHeadRoute: false,
      ...operation('followLive', 'Follow what happens', {
        description:
          'Server-sent events, at most four batches a second, each with the name of its topic. `leftOut` is how many traces or lines were not sent, since there were too many or the client has not read the ones before.',
        querystring: Type.Object(
          { topics: Type.String({ maxLength: 100 }) },
          { additionalProperties: false },
        ),
        response: {
          200: { description: 'The stream.', content: { 'text/event-stream': { schema: Type.String() } } },
          ...problems(400, 401, 503),
        },
      }),
    },
    async (request, reply) => {
      const { query } = request
      const wanted = topicsOf(query.topics)
      if (streams.size >= streamsMax)
        throw new AppError('overloaded', `${streamsMax} streams are open, which is all; close one of them.`)
      reply.hijack()
      const response = reply.raw
      const end = () => {
        streams.delete(stream)
        response.end()
      }
      const stream = createStream(response, wanted)
      streams.add(stream)
      response.once('close', end)
      // A client that closes its side may be gone, which a stream without an end would not find out.
      response.req.socket.once('end', end)
      beginStream(response, { clock, end, isLimited: parts.isOfSomebody?.(request) === true })
      response.writeHead(200, {
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'cross-origin-resource-policy': 'same-origin',
      })
      // The head is sent with what is written first. A client that has it gets all that happens from then on.
      following ??= begin()
      await following
      response.write(': what happens\n\n')
      batches = 0
      schedule()
      if (!response.closed) await once(response, 'close')
      response.req.socket.off('end', end)
    },
  )
  app.addHook('preClose', async () => {
    clearTimeout(timer)
    for (const stream of streams) stream.end()
    streams.clear()
  })
}

function topicsOf(text: string): ReadonlySet<Topic> {
  const found = text.split(',').map((word) => topics.find((topic) => topic === word))
  const known = found.filter((topic) => topic !== undefined)
  if (known.length === found.length) return new Set(known)
  throw invalid({ topics: `topics must be some of ${topics.join(', ')}, with commas between them.` })
}

type Stream = ReturnType<typeof createStream>

/** What one client gets. */
function createStream(response: ServerResponse, wanted: ReadonlySet<Topic>) {
  const leftOut = { traces: 0, logs: 0 }
  const sent = { map: '', queues: '' }
  let sentAt = performance.now()

  function send(topic: Topic, data: object): boolean {
    return write(`event: ${topic}\ndata: ${JSON.stringify(data)}\n\n`)
  }

  /** False for what a client that is slow to read does not get. */
  function write(text: string): boolean {
    if (response.writableLength + text.length > bufferedMax) return false
    sentAt = performance.now()
    response.write(text)
    return true
  }

  function sendRows(topic: 'traces' | 'logs', batch: LiveTraces | LiveLogs): void {
    const missed = leftOut[topic] + batch.leftOut
    if (!wanted.has(topic) || batch.data.length + missed === 0) return
    leftOut[topic] = send(topic, { ...batch, leftOut: missed }) ? 0 : missed + batch.data.length
  }

  return {
    topics: wanted,
    sendRecent({ traces, logs }: { readonly traces: LiveTraces; readonly logs: LiveLogs }): void {
      sendRows('traces', traces)
      sendRows('logs', logs)
    },
    /** Not the same twice. */
    sendFigures(topic: 'map' | 'queues', data: object): void {
      const text = JSON.stringify(data)
      if (wanted.has(topic) && text !== sent[topic] && send(topic, data)) sent[topic] = text
    },
    keepAlive(afterMs: number): void {
      if (performance.now() - sentAt >= afterMs) write(': heartbeat\n\n')
    },
    end: () => response.end(),
  }
}
