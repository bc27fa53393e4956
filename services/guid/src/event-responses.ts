import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { AppError } from '@quintet/chassis/errors'
import { setEndless } from '@quintet/chassis/http'
import { eventsHeartbeatMs } from '@quintet/contracts'
import type { EventPage } from './events.ts'

const responsesMax = 64
/** Of one client, so that four are needed to take all places; a browser opens six at most. */
const clientResponsesMax = 16
const retryAfterSeconds = 5
const pollIntervalMs = 250
/** A client that does not read for so long is disconnected. */
const stallTimeoutMs = 30_000

type Reply = { readonly raw: ServerResponse; hijack(): unknown }

/** Responses of server-sent events (WHATWG HTML, 9.2): what is read is sent, from a position on, until the client or the service ends. */
export function createEventResponses(readAfter: (position: number) => Promise<EventPage>) {
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
   * Sends all events after a position, as they happen, to a client that is named by `clientNetworkOf`. Rejects, before it responds,
   * when too many are open or none can be read.
   */
  async function send(reply: Reply, after: number, client: string): Promise<void> {
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
      const first = await readAfter(after)
      reply.hijack()
      setEndless(response)
      response.writeHead(200, headers)
      await sendAll(response, { first, after, signal: ending.signal }).catch(() => {})
      response.end()
    } finally {
      socket.off('end', end)
      open.delete(ending)
    }
  }

  async function sendAll(
    response: ServerResponse,
    { first, after, signal }: { first: EventPage; after: number; signal: AbortSignal },
  ): Promise<void> {
    let position = after
    let sentAt = performance.now()
    await write(response, ': the changes of GUIDs\n\n', signal)
    for (let page = first; ; page = await readAfter(position)) {
      const last = page.last ?? page.events.at(-1)?.position
      if (last !== undefined) {
        position = last
        sentAt = performance.now()
        await write(response, page.events.map(frameOf).join(''), signal)
      } else if (performance.now() - sentAt >= eventsHeartbeatMs) {
        sentAt = performance.now()
        await write(response, ': heartbeat\n\n', signal)
      }
      if (page.last === undefined) await pause(pollIntervalMs, undefined, { signal })
      signal.throwIfAborted()
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

function frameOf(event: EventPage['events'][number]): string {
  return `id: ${event.position}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
}

/** Resolves when the client can take more; rejects when the response is to end. */
async function write(response: ServerResponse, text: string, signal: AbortSignal): Promise<void> {
  if (text === '' || response.write(text)) return
  const stalled = setTimeout(() => response.destroy(), stallTimeoutMs)
  try {
    await once(response, 'drain', { signal })
  } finally {
    clearTimeout(stalled)
  }
}
