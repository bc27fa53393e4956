import type { TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { AppError } from '@quintet/chassis/errors'
import type { ConsumeOptions, Delivery, Message, UnkeyedMessage, WorkQueue } from '@quintet/chassis/queue'
import { until } from '../testing.ts'

/** A broker of its own for one test; `T` is what a client of it offers. */
export type World<T> = {
  /** For other processes. */
  readonly url: string
  /** Another client of the same broker, which is closed when the test ends. */
  open(): Promise<T>
  /** Lets time pass by the adapter's clock. */
  pass(ms: number): void | Promise<void>
  /** The name of a queue on the broker, for other processes; the same as here by default. */
  nameOf?(queue: string): string
  /** Resolves when so many consumers share the queue, for brokers that assign it to them. */
  shared?(consumers: number): Promise<void>
}

export type CreateWorld<T> = (t: TestContext) => World<T>

export function message(id: string): UnkeyedMessage
export function message(id: string, key: string): Message
export function message(id: string, key = ''): Message {
  return { id, key, body: `body of ${id}` }
}

export function ids(messages: readonly { id: string }[]): string[] {
  return messages.map(({ id }) => id)
}

/** Consumes `count` messages; resolves to them, in the order of delivery, when all are acknowledged. */
export async function take(
  queue: WorkQueue<UnkeyedMessage>,
  count: number,
  name = 'work',
  options: ConsumeOptions = {},
  handle: (delivery: Delivery) => Promise<void> = async () => {},
): Promise<Delivery[]> {
  const taken: Delivery[] = []
  const consumer = queue.consume(
    name,
    async (delivery) => {
      taken.push(delivery)
      await handle(delivery)
    },
    options,
  )
  await until(() => taken.length >= count)
  await consumer.stop()
  return taken
}

/** Blocks handlers until it opens, at the latest when the test ends. Must be created before the world, which waits for them. */
export function createGate(t: TestContext): { opened: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  t.after(() => resolve())
  return { opened: promise, open: resolve }
}

export function isAppError(code: string): (error: unknown) => boolean {
  return (error) => error instanceof AppError && error.code === code
}

/** A consumer that fails every message whose id does not begin with "good", and records the attempts. */
export function failingConsumer(queue: WorkQueue<UnkeyedMessage>, options: ConsumeOptions) {
  const attempts = new Map<string, number[]>()
  let failing = true
  let probes = 0
  const attemptsOf = (id: string) => attempts.get(id) ?? []
  const { stop } = queue.consume(
    'work',
    async ({ id, attempt }) => {
      attempts.set(id, [...attemptsOf(id), attempt])
      if (failing && !id.startsWith('good')) throw new Error(`${id} fails`)
    },
    options,
  )
  return {
    stop,
    attemptsOf,
    async has(id: string, attempt: number) {
      await until(() => attemptsOf(id).includes(attempt))
      // The handler has started; one turn later it has failed as well.
      await turn()
    },
    succeed() {
      failing = false
    },
    /** Resolves when the consumer has fetched whatever is due, since retries are fetched before new messages. */
    async fetches() {
      probes += 1
      await queue.publish('work', message(`good-${probes}`))
      await until(() => attemptsOf(`good-${probes}`).length > 0)
    },
  }
}

/** Fails the first attempt of each message whose id ends in 3 or 7. */
export function failSomeOnce(
  deliveries: readonly Delivery[],
  done: Delivery[],
): ReadonlyMap<Delivery, unknown> {
  const failed = deliveries.filter(({ id, attempt }) => attempt === 1 && /[37]$/.test(id))
  done.push(...deliveries.filter((delivery) => !failed.includes(delivery)))
  return new Map(failed.map((delivery) => [delivery, new Error('the first attempt')]))
}

/** Resolves once `count` handlers run at the same time. */
export async function meet(
  queue: WorkQueue<UnkeyedMessage>,
  count: number,
  gate: ReturnType<typeof createGate>,
): Promise<void> {
  let present = 0
  await take(queue, count, 'work', {}, async () => {
    present += 1
    if (present === count) gate.open()
    await gate.opened
  })
}
