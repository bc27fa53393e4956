import { activeSpan, errorTypeOf, traceparentOf, withSpan } from '../telemetry/index.ts'
import type { RecordedSpan, Tracer } from '../telemetry/index.ts'
import { HandlingStopped } from './port.ts'
import type { Delivery, Message, OncePublisher, WorkQueue } from './port.ts'

/**
 * The same queue. What a recorded request publishes continues its trace, by the span of the publication; and what handles messages is
 * recorded by the tracer, linked to those requests.
 */
export function tracedQueue<M extends Message, T extends WorkQueue<M>>(
  queue: T & WorkQueue<M>,
  tracer: Tracer | undefined,
): T {
  return { ...queue, ...tracedPublishing(queue), ...(tracer && tracedConsuming(queue, tracer)) }
}

/** The same for the publication under a key. */
export function tracedOnce<M extends Message, T extends OncePublisher<M>>(queue: T & OncePublisher<M>): T {
  return {
    ...queue,
    publishOnce(name: string, message: M, ...others: Rest<OncePublisher<M>['publishOnce']>) {
      const parent = activeSpan()
      if (parent === undefined) return queue.publishOnce(name, message, ...others)
      return withSpan(parent, sending(name, [message]), (span) =>
        queue.publishOnce(name, within(message, span), ...others),
      )
    },
  }
}

type Rest<F extends (...args: never[]) => unknown> =
  Parameters<F> extends [unknown, unknown, ...infer Others] ? Others : never

function tracedPublishing<M extends Message>(
  queue: WorkQueue<M>,
): Pick<WorkQueue<M>, 'publish' | 'publishAll'> {
  return {
    publish(name, message, options) {
      const parent = activeSpan()
      if (parent === undefined) return queue.publish(name, message, options)
      return withSpan(parent, sending(name, [message]), (span) =>
        queue.publish(name, within(message, span), options),
      )
    },
    publishAll(name, messages, options) {
      const parent = activeSpan()
      if (parent === undefined) return queue.publishAll(name, messages, options)
      return withSpan(parent, sending(name, messages), (span) =>
        queue.publishAll(
          name,
          messages.map((message) => within(message, span)),
          options,
        ),
      )
    },
  }
}

function sending(queue: string, messages: readonly Message[]) {
  const [first] = messages
  return {
    name: `send ${queue}`,
    kind: 'producer',
    attributes: {
      'messaging.destination.name': queue,
      ...(messages.length === 1
        ? { 'messaging.message.id': first?.id ?? '' }
        : { 'messaging.batch.message_count': messages.length }),
    },
  } as const
}

/** The message with the span as what it was sent by. */
function within<M extends Message>(message: M, span: RecordedSpan | undefined): M {
  if (span === undefined) return message
  return { ...message, headers: { ...message.headers, traceparent: traceparentOf(span.data, true) } }
}

function tracedConsuming(
  queue: Pick<WorkQueue, 'consume' | 'consumeBatches'>,
  tracer: Tracer,
): Pick<WorkQueue, 'consume' | 'consumeBatches'> {
  const process = <T>(
    name: string,
    deliveries: readonly Delivery[],
    handle: () => Promise<T>,
    errorOf: (result: T) => unknown,
  ) =>
    tracer.process(
      {
        queue: name,
        ids: deliveries.map(({ id }) => id),
        attempt: Math.max(...deliveries.map(({ attempt }) => attempt)),
        traceparents: deliveries.map(({ headers }) => headers?.traceparent),
      },
      handle,
      { ofResult: (result) => failureOf(errorOf(result)), ofError: failureOf },
    )
  return {
    consume: (name, handler, options) =>
      queue.consume(
        name,
        (delivery) =>
          process(
            name,
            [delivery],
            () => handler(delivery),
            () => undefined,
          ),
        options,
      ),
    consumeBatches: (name, handler, options) =>
      queue.consumeBatches(
        name,
        (deliveries) =>
          process(
            name,
            deliveries,
            () => handler(deliveries),
            (failures) => failures.values().next().value,
          ),
        options,
      ),
  }
}

/** Empty for none, as of a handler that was stopped: its message is delivered again. */
function failureOf(error: unknown): string {
  return error === undefined || error instanceof HandlingStopped ? '' : errorTypeOf(error)
}
