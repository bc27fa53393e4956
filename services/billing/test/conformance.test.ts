import { createManualClock } from '@quintet/chassis/testing/clock'
import { testConformance } from '@quintet/chassis/testing/conformance'
import { createWorld, text } from './world.ts'

testConformance({
  async start(t) {
    const world = await createWorld(t)
    const { app } = await world.start()
    return { ...world, app, clock: createManualClock(0) }
  },
  detailAlias: 'message',
  resources: {
    orders: {
      path: (id) => `/orders/${id}`,
      unusedId: '999',
      methods: 'GET, HEAD',
      etag: { absent: 'an order never changes.' },
      create: { absent: 'orders come by the queue.' },
      change: { absent: 'an order never changes.' },
      delete: { absent: 'an order never changes.' },
      list: { path: '/orders', idOf: ({ id }) => String(id) },
      async add({ publish, drained }, n) {
        await publish(text)
        await drained()
        return `/orders/${n}`
      },
    },
  },
})
