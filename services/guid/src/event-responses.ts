import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { AppError } from '@quintet/chassis/errors'
import type { RowAccess } from '@quintet/chassis/guard'
import type { Clock } from '@quintet/chassis/clock'
import { beginStream } from '@quintet/chassis/http'
import { eventsHeartbeatMs } from '@quintet/contracts'
import { createEventReads, textFor } from './event-reads.ts'
import type { Frames } from './event-reads.ts'
import type { EventPage } from './events.ts'

const responsesMax = 64
/** Of one client, so that four are needed to take all places; a browser opens six at most. */
const clientResponsesMax = 16
const retryAfterSeconds = 5
/** A client that does not read for so long is disconnected. */
const stallTimeoutMs = 30_000

type Reply = { readonly raw: ServerResponse; hijack(): unknown }

/**
 * Responses of server-sent events (WHATWG HTML, 9.2): what is read is sent, from a position on, until the client or the service ends, or
 * the client is to be authenticated again.
 */
export function createEventResponses(
  readAfter: (position: number) => Promise<EventPage>,
  { clock, heartbeatMs = eventsHeartbeatMs }: { clock: Clock; heartbeatMs?: number },
) {
  const reads = createEventReads(readAfter)
  /** The client of each response. */
  const open = new Map<AbortController, string>()

  function checkPlace(client: string): void {
    if (open.size >= responsesMax)
      throw new AppError('overloaded', 'Too many streams of events are open.', { retryAfterSeconds })
    const held = [...open.values()].filter((other) => other === client).length
    if (held >= clientResponsesMax)
      throw new AppError(
        'too_many_requests',
        `This client has ${clientResponsesMax} streams of events open, which is its share; close one of them.`,
        { retryAfterSeconds },
      )
  }

  /**
   * Sends all events after a position that the client may read, as they happen; `client` is what `clientNetworkOf` names it. Rejects,
   * before it responds, when too many are open or none can be read.
   */
  async function send(reply: Reply, after: number, client: string, access: RowAccess): Promise<void> {
    checkPlace(client)
    const ending = new AbortController()
    const end = () => ending.abort()
    open.set(ending, client)
    const response = reply.raw
    const { socket } = response.req
    response.once('close', end)
    // A client that closes its sending side may be gone, and an endless stream would stay open: it gets the events so far, and then
    // the end.
    if (socket.readableEnded) end()
    else socket.once('end', end)
    try {
      const first = await reads.read(after)
      reply.hijack()
      beginStream(response, { clock, end })
      response.writeHead(200, headers)
      await sendAll(response, { first, after, client, access, signal: ending.signal }).catch(() => {})
      response.end()
    } finally {
      socket.off('end', end)
      open.delete(ending)
    }
  }

  async function sendAll(
    response: ServerResponse,
    {
      first,
      after,
      client,
      access,
      signal,
    }: { first: Frames; after: number; client: string; access: RowAccess; signal: AbortSignal },
  ): Promise<void> {
    let position = after
    let sentAt = performance.now()
    await write(response, ': the changes of GUIDs\n\n', signal)
    for (let frames = first; ; ) {
      if (frames.last !== undefined) position = frames.last
      const text = textFor(frames, access)
      if (text !== '') {
        sentAt = performance.now()
        await write(response, text, signal)
      } else if (performance.now() - sentAt >= heartbeatMs) {
        sentAt = performance.now()
        await write(response, ': heartbeat\n\n', signal)
      }
      signal.throwIfAborted()
      const next = frames.isAtEnd ? reads.poll(position) : reads.readInTurn(position, client)
      frames = await unlessAborted(next, signal)
    }
  }

  return {
    send,
    /** Ends all responses; clients may continue elsewhere. */
    close(): void {
      for (const ending of open.keys()) ending.abort()
    },
  }
}

/** The response to HEAD. */
export function sendHead(reply: Reply): void {
  reply.hijack()
  reply.raw.writeHead(200, headers).end()
}

const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  // Asks proxies not to hold the response back.
  'x-accel-buffering': 'no',
}

/** Settles as the promise does, or rejects when the signal is aborted before. */
function unlessAborted<R>(promise: Promise<R>, signal: AbortSignal): Promise<R> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort)
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/** Resolves when the client can take more; rejects when the response is to end. */
async function write(response: ServerResponse, text: string, signal: AbortSignal): Promise<void> {
  if (response.write(text)) return
  const stalled = setTimeout(() => response.destroy(), stallTimeoutMs)
  try {
    await once(response, 'drain', { signal })
  } finally {
    clearTimeout(stalled)
  }
}
