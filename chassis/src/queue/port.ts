import { invalid } from '../errors/index.ts'

/** `id` tells one message from all others; messages of one `key` keep their order, and '' is the key of those without. */
export type Message = {
  readonly id: string
  readonly key: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

/** A message as it is handed out; `attempt` is 1 for the first time. */
export type Delivery = Message & { readonly attempt: number }

/** The bound of a queue; what comes when it is reached is refused. */
export type QueueOptions = {
  /** How many messages the queue holds, those being handled among them; 100,000 unless it is said. */
  readonly limit?: number
}

/** For so long `key` stands for the message that was published under it, whatever has become of that message since. */
export type PublishOnce = { readonly key: string; readonly forMs: number }

/** What a stream keeps. */
export type StreamOptions = {
  /** How many of the newest messages; 100,000 unless it is said. More are kept where they were appended together. */
  readonly keptMax?: number
}

/** A message of a stream; `position` says where it stands, and what to read on from. */
export type StreamMessage = Message & { readonly position: number; readonly appendedAt: number }

export type ConsumeOptions = {
  /** How many handlers run at a time. */
  readonly concurrency?: number
  /** How many messages are taken ahead of the handlers, those being handled among them. */
  readonly prefetch?: number
  /** After so many failures the message goes to the dead letters. */
  readonly attemptsMax?: number
  /** How long to wait after a failure; `attempt` is the one that failed. */
  readonly backoffMs?: (attempt: number) => number
  /** A consumer that has not been heard of for so long has died, and its messages are handed to others. */
  readonly leaseMs?: number
}

export type BatchHandler = (deliveries: readonly Delivery[]) => Promise<ReadonlyMap<Delivery, unknown>>

export type Consumer = {
  /** Takes no more, waits for what is being handled, and gives back what was taken and not begun. */
  stop(): Promise<void>
}

/** A message as an operator sees it; dead letters have the reason and the time of their last failure. */
export type StoredMessage = Message & {
  /** Where a page ends, to be given as `after`. */
  readonly position: number
  readonly attempts: number
  readonly publishedAt: number
  readonly failedAt?: number
  readonly reason?: string
}

/**
 * The queue port. A published message is durable; it is handed out until a handler resolves for it, at least once, so
 * handlers must bear repetition. Per key it is handed out in the order of publishing, and none before the one ahead of it
 * is done or dead. A failure is tried again after a pause; after the last one, or a `PoisonMessage`, the message goes to the
 * dead letters, the queue `<queue>.dead`, and blocks nothing.
 */
export type Queue = {
  /**
   * Resolves when the message is durable. Rejects with `overloaded` when the queue is full, with `dependency_down` when
   * the storage is away. The id of a message that is still held is not stored twice.
   *
   * `once` widens that from what is held to a span of time: when its key stands for a message of the same id already,
   * nothing is stored and the answer is `repeated`; when it stands for another one, it rejects with `conflict`.
   */
  publish(
    queue: string,
    message: Message,
    options?: QueueOptions & { readonly once?: PublishOnce },
  ): Promise<'published' | 'repeated'>
  /** Publishes all of them or, when it rejects, none. */
  publishAll(queue: string, messages: readonly Message[], options?: QueueOptions): Promise<void>
  consume(queue: string, handler: (delivery: Delivery) => Promise<void>, options?: ConsumeOptions): Consumer
  /**
   * Hands out up to `batchMax` messages at a time, no two of one key, to a handler that resolves to what failed and why;
   * all of them failed when it rejects. `concurrency` counts batches.
   */
  consumeBatches(
    queue: string,
    handler: BatchHandler,
    options?: ConsumeOptions & { readonly batchMax?: number },
  ): Consumer
  /**
   * Appends to a stream: unlike a queue it is not emptied by those who read it, and keeps its newest messages for all of
   * them. Resolves when the messages are durable. What is appended again, under the same ids, stands there twice.
   */
  append(stream: string, messages: readonly Message[], options?: StreamOptions): Promise<void>
  /** What a stream holds behind a position, oldest first. */
  readStream(stream: string, page?: { after?: number; limit?: number }): Promise<StreamMessage[]>
  depth(queue: string): Promise<number>
  /** Those that hold something, or that were used here where the broker cannot say; some brokers cannot tell an age. */
  queues(): Promise<{ name: string; depth: number; oldestAgeMs?: number }[]>
  /** A page of what the queue holds, oldest first. */
  list(queue: string, page?: { limit?: number; after?: number }): Promise<StoredMessage[]>
  /** Puts dead letters back at the end of their queue, as new; resolves to how many. */
  replay(deadQueue: string, id: string | 'all'): Promise<number>
  /** Removes messages for good; resolves to how many. */
  drop(queue: string, id: string | 'all'): Promise<number>
  ping(): Promise<void>
  /** Stops the consumers, then closes. */
  close(): Promise<void>
}

/** Thrown by a handler for a message that no repetition can help: it goes to the dead letters at once. */
export class PoisonMessage extends Error {
  readonly poison = true
}

/** Where the messages of a queue go that could not be handled. */
export function deadQueueOf(queue: string): string {
  return `${queue}${deadSuffix}`
}

/** The queue that dead letters came from. */
export function liveQueueOf(deadQueue: string): string {
  if (deadQueue.endsWith(deadSuffix)) return deadQueue.slice(0, -deadSuffix.length)
  throw invalid({ queue: `${deadQueue} is not a queue of dead letters; their names end in ${deadSuffix}.` })
}

const deadSuffix = '.dead'
