import { TimeoutError, withTimeout } from '@quintet/chassis/clock'
import { createShared } from '@quintet/chassis/concurrency'
import { operatorMessage } from '@quintet/chassis/errors'
import { deadQueueOf } from '@quintet/chassis/queue'
import { createFailureLog } from '@quintet/chassis/telemetry'
import type { Broker, ConsoleParts } from './parts.ts'
import type { QueueSummary } from './wire/index.ts'

/** A queue as its broker has it; without figures where the broker does not respond. */
export type HeldQueue = Omit<QueueSummary, 'published' | 'done' | 'failed'> & Broker['queues'][number]

/** Gives what the brokers hold. */
export type QueueLook = () => Promise<readonly HeldQueue[]>

const timeoutMs = 2_000
/** How often brokers are read, however many clients read the queues or the map. */
const readIntervalMs = 1_000

/** All who want to know share one look, and none waits for a broker that does not respond. */
export function createQueueLook({ brokers, logger }: Pick<ConsoleParts, 'brokers' | 'logger'>): QueueLook {
  // A look may take longer than anyone waits for it; the next one waits for the same.
  const looks = new Map<Broker, () => ReturnType<typeof figuresOf>>()
  const log = createFailureLog(logger, {
    failing: 'the queues of a broker cannot be read',
    recovered: 'the queues of all brokers are read again',
  })

  async function lookAt(broker: Broker): Promise<HeldQueue[]> {
    const look = looks.get(broker) ?? createShared(() => figuresOf(broker), { keepMs: readIntervalMs })
    looks.set(broker, look)
    const { kind, url, queues } = broker
    try {
      const figures = await withTimeout(timeoutMs, look())
      return queues.map((queue, i) => ({
        ...{ ...queue, broker: kind, url, fault: null },
        ...(figures[i] ?? unknownFigures),
      }))
    } catch (error) {
      const fault = faultText(error)
      log.failed(error, { broker: url })
      return queues.map((queue) => ({ ...queue, broker: kind, url, fault, ...unknownFigures }))
    }
  }

  return async () => {
    const found = (await Promise.all((await brokers()).map(lookAt))).flat()
    if (found.every(({ fault }) => fault === null)) log.succeeded()
    return found
  }
}

const unknownFigures = { live: null, dead: null, oldestAgeMs: null }

/** Of each queue of the broker, in their order. A broker lists no queue that has never had a message. */
async function figuresOf({ admin, queues }: Broker): Promise<Pick<HeldQueue, keyof typeof unknownFigures>[]> {
  const depths = new Map((await admin.queues()).map(({ name, depth }) => [name, depth]))
  return Promise.all(
    queues.map(async ({ name }) => ({
      live: depths.get(name) ?? 0,
      dead: depths.get(deadQueueOf(name)) ?? 0,
      oldestAgeMs: (await admin.oldestAgeMs?.(name)) ?? null,
    })),
  )
}

function faultText(error: unknown): string {
  if (error instanceof TimeoutError) return `The broker has not responded within ${timeoutMs / 1_000} s.`
  return operatorMessage(error) ?? 'The broker cannot be read; the log has why.'
}
