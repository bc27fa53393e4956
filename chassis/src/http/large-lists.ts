import type { ServerResponse } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createRoundRobin } from '../concurrency/index.ts'
import type {
  FastifyReply,
  FastifyRequest,
  preHandlerHookHandler,
  RouteHandlerMethod,
  RouteOptions,
} from 'fastify'
import type { App } from './app-options.ts'
import { clientNetworkOf } from '../guard/index.ts'
import { createListDeadline } from './list-deadline.ts'
import { pageSize } from './pages.ts'
import { boundUnread } from './unread-responses.ts'

const limits = {
  /** Pages that are begun in one turn of the event loop when they are requested; and as many of those that wait. */
  begunPerTurnMax: 4,
  /** As many as a process has connections. */
  notBegunMax: 10_000,
  /** Large pages that are made at a time, each in steps that take the event loop for a millisecond or two. */
  concurrencyMax: 2,
  /** After this time the next is made as well: what takes so long waits for a database, or is a stream of events. */
  turnMs: 250,
  waitingMax: 512,
  searchesWaitingMax: 1_000,
  /** Large pages that their clients have not read yet. */
  unreadMax: 64,
}

/**
 * When the steps are made in which a page is read and encoded. The functions reject when too much waits. Once the response is not
 * needed any more (`isAbandoned`), they never settle, so that no further step is made.
 */
type ListTurns = {
  /** Resolves when the first step may be made; undefined if it may be made at once. */
  begin(request: FastifyRequest, reply: FastifyReply): Promise<void> | undefined
  /**
   * Resolves when the next step may be made: the second one once it is the turn of this large page, others in a later turn of the
   * event loop.
   */
  next(request: FastifyRequest, reply: FastifyReply): Promise<void>
  /** Makes a step of a search: of all searches one at a time and in a turn of the event loop, in turn for each client. */
  search<R>(request: FastifyRequest, reply: FastifyReply, step: () => Promise<R>): Promise<R>
}

declare module 'fastify' {
  interface FastifyInstance {
    readonly listTurns: ListTurns
  }
}

/**
 * Bounds the requests for large pages, which are those of more rows than a page has by default and those that take more than one
 * step: few are made at a time, in turn for each client, and when too many are unread, the oldest of the client that has most of
 * them is cut. So large pages neither delay other requests nor fill the memory.
 */
export function boundLargeLists(app: App, listMs: number): void {
  const inTurn = createRoundRobin({
    concurrencyMax: limits.concurrencyMax,
    waitingMax: limits.waitingMax,
    refusal: 'Too many large pages are requested; ask for fewer rows or retry.',
  })
  const holdUnread = boundUnread(limits.unreadMax)
  const large = new WeakSet<ServerResponse>()

  /** Calls `begin`, and settles once the response has been made and others have had as much time, or when its turn is over. */
  function make(client: string, reply: FastifyReply, begin: () => void): Promise<void> {
    const { raw } = reply
    const startedAtMs = performance.now()
    large.add(raw)
    holdUnread(client, raw)
    return new Promise((resolve) => {
      const turn = setTimeout(resolve, limits.turnMs)
      const end = () => {
        clearTimeout(turn)
        setTimeout(resolve, Math.min(limits.turnMs, performance.now() - startedAtMs))
      }
      raw.once('prefinish', () => {
        raw.off('close', end)
        end()
      })
      raw.once('close', end)
      if (isAbandoned(reply)) resolve()
      else begin()
    })
  }

  /** Resolves when it is the turn of this request; never if the client is gone by then. */
  function waitForTurn(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const client = clientNetworkOf(request)
    return new Promise((resolve, reject) => {
      inTurn(client, () => make(client, reply, resolve)).catch(reject)
    })
  }

  const waitIfLarge: preHandlerHookHandler = (request, reply, done) => {
    if (!(Number(Reflect.get(Object(request.query), 'limit')) > pageSize)) return done()
    waitForTurn(request, reply).then(() => done(), done)
  }

  const endInTime = createListDeadline(app, listMs)
  app.decorate('listTurns', {
    begin: createBeginning(),
    next: (request, reply) =>
      large.has(reply.raw) ? unlessAbandoned(reply, nextTurn()) : waitForTurn(request, reply),
    search: createSearches(),
  })
  app.addHook('onRoute', (route) => {
    if (!hasLimit(route)) return
    route.handler = withoutLateFailures(route.handler)
    route.preHandler = [endInTime, waitIfLarge, route.preHandler ?? []].flat()
  })
}

/**
 * A few pages are begun in a turn of the event loop when they are requested, and a few of those that wait, in turn for each client; so
 * many that were requested at once do not delay those that come later.
 */
function createBeginning(): ListTurns['begin'] {
  const inTurn = createRoundRobin({
    concurrencyMax: limits.begunPerTurnMax,
    waitingMax: limits.notBegunMax,
    refusal: 'Too many lists are requested; retry.',
  })
  let begun = 0

  function wait(client: string, reply: FastifyReply): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = async () => {
        if (isAbandoned(reply)) return
        resolve()
        await nextTurn()
      }
      inTurn(client, begin).catch(reject)
    })
  }

  return (request, reply) => {
    if (begun >= limits.begunPerTurnMax) return wait(clientNetworkOf(request), reply)
    if (begun === 0) setImmediate(() => (begun = 0))
    begun += 1
    return undefined
  }
}

function createSearches(): ListTurns['search'] {
  const inTurn = createRoundRobin({
    concurrencyMax: 1,
    waitingMax: limits.searchesWaitingMax,
    refusal: 'Too many searches are waiting; retry.',
  })
  return async (request, reply, step) => {
    const result = await inTurn(clientNetworkOf(request), async () => {
      if (isAbandoned(reply)) return undefined
      const made = { of: await step() }
      await nextTurn()
      return made
    })
    return result === undefined ? new Promise(() => {}) : result.of
  }
}

/** A handler that does not reject once its time is over: the client has its response, and the framework would log the failure. */
function withoutLateFailures(handler: RouteHandlerMethod): RouteHandlerMethod {
  return function (request, reply) {
    const made = handler.call(this, request, reply)
    if (!(made instanceof Promise)) return made
    return made.catch((error: unknown) => {
      if (!reply.sent) throw error
    })
  }
}

/** Whether the response is not needed any more, because its client is gone or its time is over. */
function isAbandoned({ sent, raw }: FastifyReply): boolean {
  return sent || raw.destroyed
}

async function unlessAbandoned(reply: FastifyReply, turn: Promise<void>): Promise<void> {
  await turn
  if (isAbandoned(reply)) await new Promise(() => {})
}

/** Whether a route takes the size of a page; the validator has made a number of it. */
function hasLimit({ schema }: RouteOptions): boolean {
  return Reflect.has(Object(Reflect.get(Object(schema?.querystring), 'properties')), 'limit')
}
