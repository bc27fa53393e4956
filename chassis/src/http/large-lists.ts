import { createFairLimiter, createSlowLane } from '../concurrency/index.ts'
import type { FastifyReply, preHandlerHookHandler, RouteOptions } from 'fastify'
import type { App } from './app-options.ts'
import { clientNetworkOf } from './client-address.ts'
import { pageSize } from './pages.ts'

const limits = {
  /** Large pages that are made at a time, each of which takes the event loop for milliseconds. */
  concurrencyMax: 2,
  /** After this time the next is made as well: what takes so long waits for a database, or is a stream of events. */
  turnMs: 250,
  waitingMax: 512,
  /** Large pages that their clients have not read yet. */
  unreadMax: 64,
}

/**
 * Bounds the requests for more rows than a page has by default: few pages are made at a time, in turn for each client, and when too
 * many are unread, the oldest of the client that has most of them is cut. So large pages neither delay other requests nor fill the memory.
 */
export function boundLargeLists(app: App): void {
  const inTurn = createFairLimiter({
    concurrencyMax: limits.concurrencyMax,
    waitingMax: limits.waitingMax,
    refusal: 'Too many large pages are requested; ask for fewer rows or retry.',
  })
  const unread = createSlowLane(limits.unreadMax)

  /** Calls `begin`, and settles once the response has been made and others have had as much time, or when its turn is over. */
  function make(client: string, { raw }: FastifyReply, begin: () => void): Promise<void> {
    const member = { client, cut: () => raw.destroy() }
    const startedAtMs = performance.now()
    return new Promise((resolve) => {
      const turn = setTimeout(resolve, limits.turnMs)
      const end = () => {
        clearTimeout(turn)
        setTimeout(resolve, Math.min(limits.turnMs, performance.now() - startedAtMs))
      }
      raw.once('prefinish', () => {
        unread.enter(member)
        raw.once('close', () => unread.leave(member))
        raw.off('close', end)
        end()
      })
      raw.once('close', end)
      if (raw.destroyed) resolve()
      else begin()
    })
  }

  const waitForTurn: preHandlerHookHandler = (request, reply, done) => {
    if (!(Number(Reflect.get(Object(request.query), 'limit')) > pageSize)) return done()
    const client = clientNetworkOf(request)
    inTurn([client], () => make(client, reply, done)).catch(done)
  }

  app.addHook('onRoute', (route) => {
    if (hasLimit(route)) route.preHandler = [waitForTurn, route.preHandler ?? []].flat()
  })
}

/** Whether a route takes the size of a page; the validator has made a number of it. */
function hasLimit({ schema }: RouteOptions): boolean {
  return Reflect.has(Object(Reflect.get(Object(schema?.querystring), 'properties')), 'limit')
}
