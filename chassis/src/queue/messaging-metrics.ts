import { AppError } from '../errors/index.ts'
import { Counter } from '../telemetry/index.ts'
import type { Metrics } from '../telemetry/index.ts'
import { defaults, inBatchesOfOne } from './consumers.ts'
import { isLastAttempt, isPoison } from './dispatcher.ts'
import { HandlingStopped } from './port.ts'
import type { BatchHandler, Delivery, EventStream, Message, OncePublisher, WorkQueue } from './port.ts'

/** Where the messages of a service are counted. */
export type MeasuredMessages = {
  readonly metrics: Metrics
  /** The queues and streams that it publishes to. */
  readonly publishesTo?: readonly string[]
}

type Measurable<M extends Message> = WorkQueue<M> &
  Partial<Pick<OncePublisher<M>, 'publishOnce'> & Pick<EventStream, 'append'>>

/** The queue, with counts of what is published to it, and of what becomes of messages that are consumed. `system` is its broker. */
export function measuredQueue<M extends Message, Q extends Measurable<M>>(
  queue: Q & Measurable<M>,
  { metrics, publishesTo = [] }: MeasuredMessages,
  system: string,
): Q {
  let measure: ReturnType<typeof exportHandled> | undefined

  const consumeBatches: WorkQueue<M>['consumeBatches'] = (name, handler, options) => {
    const { attemptsMax = defaults.attemptsMax } = options ?? {}
    measure ??= exportHandled(metrics, system)
    return queue.consumeBatches(name, measure(name, handler, attemptsMax), options)
  }
  const consume: WorkQueue<M>['consume'] = (name, handler, options) =>
    consumeBatches(name, inBatchesOfOne(handler), { ...options, batchMax: 1 })
  const publishing =
    publishesTo.length > 0 && measuredPublishing(queue, exportSent(metrics, system, publishesTo))
  return { ...queue, ...publishing, consumeBatches, consume }
}

type Publishing<M extends Message> = Pick<Measurable<M>, 'publish' | 'publishAll' | 'publishOnce' | 'append'>

function measuredPublishing<M extends Message>(
  queue: Measurable<M>,
  sent: ReturnType<typeof exportSent>,
): Publishing<M> {
  const { publishOnce, append } = queue
  return {
    publish: (name, ...message) => sent(name, 1, queue.publish(name, ...message)),
    publishAll: (name, messages, ...options) =>
      sent(name, messages.length, queue.publishAll(name, messages, ...options)),
    ...(publishOnce && {
      publishOnce: (name, ...message) => sent(name, 1, publishOnce(name, ...message)),
    }),
    ...(append && {
      append: (name, messages, ...options) => sent(name, messages.length, append(name, messages, ...options)),
    }),
  }
}

/** Counts what a publication has sent; one that is repeated under its key has sent nothing. */
function exportSent(metrics: Metrics, system: string, publishesTo: readonly string[]) {
  const counter = new Counter({
    name: 'messaging_client_sent_messages_total',
    help: 'Messages that were published, by queue or stream, and those that could not be, by error.',
    labelNames: ['messaging_system', 'messaging_destination_name', 'error_type'],
    registers: [metrics.registry],
  })
  const labelsOf = (name: string) => ({ messaging_system: system, messaging_destination_name: name })
  for (const name of publishesTo) counter.inc(labelsOf(name), 0)
  return <R>(name: string, count: number, publication: Promise<R>): Promise<R> => {
    publication.then(
      (outcome) => outcome !== 'repeated' && counter.inc(labelsOf(name), count),
      (error: unknown) => counter.inc({ ...labelsOf(name), error_type: errorLabelOf(error) }, count),
    )
    return publication
  }
}

/** Measures a handler of messages. Those of a batch take as long as the batch does. */
function exportHandled(metrics: Metrics, system: string) {
  const durations = metrics.histogram({
    name: 'messaging_process_duration_seconds',
    help: 'Time of the handling of a message, or of the batch that it is in, by the error of those that failed.',
  })
  const consumed = new Counter({
    name: 'messaging_client_consumed_messages_total',
    help: 'Messages that were delivered to a handler, each attempt by itself.',
    labelNames: ['messaging_system', 'messaging_destination_name'],
    registers: [metrics.registry],
  })
  const deadLetters = new Counter({
    name: 'quintet_dead_letters_total',
    help: 'Messages that became dead letters.',
    labelNames: ['queue'],
    registers: [metrics.registry],
  })

  return (queue: string, handler: BatchHandler, attemptsMax: number): BatchHandler => {
    const labels = { messaging_system: system, messaging_destination_name: queue }
    const succeeded = durations.series(labels)
    consumed.inc(labels, 0)
    deadLetters.inc({ queue }, 0)

    function record(delivery: Delivery, error: unknown, seconds: number): void {
      if (error instanceof HandlingStopped) return
      const series =
        error === undefined ? succeeded : durations.series({ ...labels, error_type: errorLabelOf(error) })
      durations.observe(series, seconds)
      if (error !== undefined && isLastAttempt(delivery, error, attemptsMax)) deadLetters.inc({ queue })
    }

    return async (deliveries) => {
      const startedAt = performance.now()
      consumed.inc(labels, deliveries.length)
      const seconds = () => (performance.now() - startedAt) / 1_000
      try {
        const failures = await handler(deliveries)
        for (const delivery of deliveries) record(delivery, failures.get(delivery), seconds())
        return failures
      } catch (error) {
        for (const delivery of deliveries) record(delivery, error ?? new Error(), seconds())
        throw error
      }
    }
  }
}

/** The code of an error of ours; otherwise of one kind, so that there are few. */
function errorLabelOf(error: unknown): string {
  if (error instanceof AppError) return error.code
  return isPoison(error) ? 'poison' : '_OTHER'
}
