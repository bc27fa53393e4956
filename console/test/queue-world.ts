import type { TestContext } from 'node:test'
import { AppError } from '@quintet/chassis/errors'
import { createApp } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { openKeyedQueue, PoisonMessage } from '@quintet/chassis/queue'
import type { Queue, QueueAdmin } from '@quintet/chassis/queue'
import { createLogger } from '@quintet/chassis/telemetry'
import { until } from '@quintet/chassis/testing'
import { createManualClock } from '@quintet/chassis/testing/clock'
import type { ConsoleParts } from '../src/parts.ts'
import { createQueueLook } from '../src/queue-look.ts'
import { addQueues } from '../src/queues.ts'

const startMs = Date.UTC(2030, 0, 1)

type Sent = Readonly<Record<string, unknown>>

/** The queues of a console over one broker, or one that is made of it, with what has been kept of events and actions. */
export async function createWorld(t: TestContext, brokerOf: (queue: Queue) => QueueAdmin = (queue) => queue) {
  const clock = createManualClock(startMs)
  const queue = await openKeyedQueue('sqlite::memory:', { clock })
  const kept = createKept()
  const logger = createLogger({ service: 'console', level: 'silent' })
  const app = await createApp({
    ...{ name: 'console', title: 'Console', description: 'For tests.', logger, clock },
    checkResponses: true,
  })
  t.after(async () => {
    await app.close()
    await queue.close()
  })
  const admin = brokerOf(queue)
  const queues = [{ name: 'work', service: 'billing' }] as const
  const broker = { kind: 'sqlite', url: 'sqlite:queue.db', queues, admin }
  const brokers = async () => [broker]
  addQueues(app, {
    ...{ clock, brokers, ...kept.parts },
    lookAtQueues: createQueueLook({ brokers, logger }),
    ratesOf: () => ({ published: 3, done: 2, failed: 1 }),
  })
  return { clock, queue, app, ...kept.seen, ...callers(app), bury: buryIn(queue) }
}

/** The actions of a console for tests: anybody may act, but the one whose reader is refused. */
function createKept() {
  const events: unknown[] = []
  const actions: unknown[] = []
  const act: ConsoleParts['act'] = async (request, action, work) => {
    if (request.headers['x-reader'] !== undefined)
      throw new AppError('forbidden', 'This client may only read.')
    const { value, outcome } = await work()
    actions.push({ ...action, outcome })
    return value
  }
  const history: ConsoleParts['history'] = {
    addEvent: async (event) => void events.push(event),
    events: async () => [],
    addAction: async () => {},
    actions: async () => [],
  }
  return { parts: { act, history }, seen: { events, actions } }
}

function callers(app: App) {
  return {
    get: (url: string) => app.inject({ method: 'GET', url }),
    post: (url: string, body: Sent = {}, headers: Readonly<Record<string, string>> = {}) =>
      app.inject({ method: 'POST', url, headers, payload: body }),
  }
}

/** Consumes what the queue holds: each message fails for good for its reason, or is handled where it has none. */
function buryIn(queue: Queue) {
  return async (reasonOf: (id: string) => string | undefined): Promise<void> => {
    const consumer = queue.consume('work', async ({ id }) => {
      const reason = reasonOf(id)
      if (reason !== undefined) throw new PoisonMessage(reason)
    })
    await until(async () => (await queue.depth('work')) === 0)
    await consumer.stop()
  }
}
