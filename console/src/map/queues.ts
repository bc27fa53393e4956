import { TimeoutError, withTimeout } from '@quintet/chassis/clock'
import { createShared } from '@quintet/chassis/concurrency'
import { operatorMessage } from '@quintet/chassis/errors'
import { deadQueueOf } from '@quintet/chassis/queue'
import { createFailureLog } from '@quintet/chassis/telemetry'
import type { ServiceName } from '@quintet/contracts/topology'
import type { Broker, ConsoleParts } from '../parts.ts'

/** A queue as its broker has it. */
export type KnownQueue = {
  readonly name: string
  /** The one that consumes it. */
  readonly service: ServiceName
  readonly kind: string
  readonly url: string
  /** Null where the broker does not respond; `fault` says why. */
  readonly live: number | null
  readonly dead: number | null
  readonly fault: string
}

const timeoutMs = 2_000

/** Gives what the brokers hold. Those who want to know at once share one look, and none waits for a broker that does not respond. */
export function createQueueLook({
  brokers,
  logger,
}: Pick<ConsoleParts, 'brokers' | 'logger'>): () => Promise<readonly KnownQueue[]> {
  // A look may take longer than anyone waits for it; the next one waits for the same.
  const looks = new Map<Broker, () => ReturnType<Broker['admin']['queues']>>()
  const log = createFailureLog(logger, {
    failing: 'the queues of a broker cannot be read for the map',
    recovered: 'the queues of all brokers are read again for the map',
  })

  async function lookAt(broker: Broker): Promise<KnownQueue[]> {
    const look = looks.get(broker) ?? createShared(() => broker.admin.queues(), { keepFactor: 20 })
    looks.set(broker, look)
    const { kind, url } = broker
    try {
      const held = new Map((await withTimeout(timeoutMs, look())).map(({ name, depth }) => [name, depth]))
      return broker.queues.map(({ name, service }) => {
        // A broker lists no queue that has never had a message.
        const [live, dead] = [held.get(name) ?? 0, held.get(deadQueueOf(name)) ?? 0]
        return { name, service, kind, url, live, dead, fault: '' }
      })
    } catch (error) {
      const fault = faultText(error)
      log.failed(error, { broker: url })
      return broker.queues.map((queue) => ({ ...queue, kind, url, live: null, dead: null, fault }))
    }
  }

  return async () => {
    const queues = (await Promise.all((await brokers()).map(lookAt))).flat()
    if (queues.every(({ fault }) => fault === '')) log.succeeded()
    return queues
  }
}

function faultText(error: unknown): string {
  if (error instanceof TimeoutError) return `The broker does not respond within ${timeoutMs} ms.`
  return operatorMessage(error) ?? 'The broker cannot be read; the log has why.'
}
