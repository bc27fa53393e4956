import { clientNetworkOf } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import type { Capacity, Holder } from './capacity.ts'

/**
 * Gives the routes that the gateway serves itself the limits of those that it forwards: a client has a share of the requests in
 * flight, and responses that are not read are apart. A request takes its place once its body has arrived.
 */
export function limitOwnRoutes(app: App, capacity: Capacity): void {
  app.addHook('preHandler', (request, reply, done) => {
    const client = clientNetworkOf(request)
    const refusal = capacity.refusal(client)
    if (refusal !== undefined) {
      done(refusal)
      return
    }
    const response = reply.raw
    const holder: Holder = { client, lane: undefined, cut: () => response.destroy() }
    capacity.enter(holder, false)
    response.once('close', () => capacity.leave(holder))
    response.once('prefinish', () =>
      setImmediate(() => {
        if (!response.writableFinished) capacity.slowDown(holder)
      }),
    )
    done()
  })
}
