import { AppError, invalid } from '../errors/index.ts'

/** `id` identifies the message. Messages of one `key` keep their order; those without a key have '' as theirs. */
export type Message = {
  readonly id: string
  readonly key: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

/** A message of a queue that keeps no order, which may have several consumers on RabbitMQ. */
export type UnkeyedMessage = Message & { readonly key: '' }

/** A message as a handler gets it; `attempt` counts from 1. */
export type Delivery = Message & { readonly attempt: number }

export type PublishOptions = {
  /** How many messages the queue may hold, including those that are being handled; 100,000 by default. */
  readonly limit?: number
}

/**
 * Published messages are durable, and are delivered at least once: until a handler resolves for them. Handlers must
 * therefore be idempotent. Messages of one key are delivered in the order of publishing, each after the one before it was
 * handled or dead-lettered. A failed message is retried after a pause; after its last attempt, or a `PoisonMessage`, it
 * becomes a dead letter in the queue `<queue>.dead`, and blocks nothing. `M` is what the broker accepts.
 */
export type WorkQueue<M extends Message = Message> = {
  /**
   * Resolves when the message is durable. Rejects with `overloaded` when the queue is full, and with `dependency_down` when
   * the broker is unavailable. A message that the queue still holds is not stored a second time, if the broker
   * recognizes its id.
   */
  readonly publish: (queue: string, message: M, options?: PublishOptions) => Promise<void>
  /** Publishes all of them or, when it rejects, none. */
  readonly publishAll: (queue: string, messages: readonly M[], options?: PublishOptions) => Promise<void>
  consume(queue: string, handler: (delivery: Delivery) => Promise<void>, options?: ConsumeOptions): Consumer
  /**
   * Delivers up to `batchMax` messages at a time, no two of one key. The handler resolves to the failed ones with their
   * errors; if it rejects, all have failed. `concurrency` counts batches.
   */
  consumeBatches(queue: string, handler: BatchHandler, options?: BatchOptions): Consumer
  /** How many messages the queue holds, including those that are being handled. */
  depth(queue: string): Promise<number>
  ping(): Promise<void>
  /** Stops the consumers, then closes the connection. */
  close(): Promise<void>
}

export type ConsumeOptions = {
  /** How many handlers run at a time. */
  readonly concurrency?: number
  /** How many messages are fetched ahead, including those that are being handled. */
  readonly prefetch?: number
  /** After so many failed attempts a message becomes a dead letter. */
  readonly attemptsMax?: number
  /** The pause after a failure; `attempt` is the one that failed. */
  readonly backoffMs?: (attempt: number) => number
  /** A consumer that has not renewed its leases for so long counts as dead, and its messages go to others. */
  readonly leaseMs?: number
}

export type BatchOptions = ConsumeOptions & { readonly batchMax?: number }

export type BatchHandler = (deliveries: readonly Delivery[]) => Promise<ReadonlyMap<Delivery, unknown>>

export type Consumer = {
  /** Waits for the running handlers, and returns the fetched messages that were not delivered. */
  stop(): Promise<void>
}

/** For brokers that store keys of publications: a retried one has no further effect, also after the message was handled. */
export type OncePublisher<M extends Message = Message> = {
  /**
   * Publishes, unless `once.key` stands for a message already: then `repeated` if that has the same id, else it rejects with
   * `conflict`.
   */
  readonly publishOnce: (
    queue: string,
    message: M,
    once: PublishOnce,
    options?: PublishOptions,
  ) => Promise<'published' | 'repeated'>
  /** The id of the message that a key stands for. */
  readonly messageUnder: (queue: string, key: string) => Promise<string | undefined>
}

/** For `forMs` the key stands for the message that was published under it. */
export type PublishOnce = { readonly key: string; readonly forMs: number }

/** A log that readers do not empty: it keeps its newest messages for all of them. */
export type EventStream = {
  /** Resolves when the messages are durable. Messages that are appended again, under the same ids, are stored again. */
  append(stream: string, messages: readonly Message[], options?: StreamOptions): Promise<void>
  /**
   * The messages after a position, oldest first; after one that is not kept any more, from the oldest on. Rejects with
   * `UnknownPosition` for one that no message has had, or that a restore has undone.
   */
  readStream(stream: string, page?: { after?: number; limit?: number }): Promise<StreamMessage[]>
  ping(): Promise<void>
  close(): Promise<void>
}

type StreamOptions = {
  /** How many of the newest messages to keep at least; 100,000 by default. On Kafka the topic's retention decides instead. */
  readonly keptMax?: number
}

/** A position beyond the end of a stream, as one that was given out by the same stream before an earlier state of it was restored. */
export class UnknownPosition extends AppError {
  /** The position of the last message before it. */
  readonly last: number

  constructor(last: number, field = 'after') {
    const sentence = `${field} must be at most ${last}, the position of the newest event before it; a restore of a backup may have undone later ones.`
    super('invalid', sentence, { errors: { [field]: sentence } })
    this.name = 'UnknownPosition'
    this.last = last
  }
}

/** `position` is where to continue reading, as `after`. */
export type StreamMessage = Message & { readonly position: number; readonly appendedAt: number }

/** The most messages of a page. It is one more than `quintet queue show` shows, to see whether there are more. */
export const listMax = 1_001

/** For operators. */
export type QueueAdmin = {
  /** The queues of the broker; the age of the oldest message only where the broker has it. */
  queues(): Promise<{ name: string; depth: number; oldestAgeMs?: number }[]>
  /** How many messages the queue holds, including those that are being handled where the broker counts them; see `lookEffect`. */
  depth(queue: string): Promise<number>
  /** The age of the oldest live message of a queue, 0 if there is none; absent where the broker does not have it. */
  oldestAgeMs?(queue: string): Promise<number>
  /**
   * What showing messages does to them, in a sentence; absent where it does nothing. Such a broker, which is RabbitMQ, neither shows nor
   * counts the messages that consumers hold.
   */
  readonly lookEffect?: string
  /** A page of the messages of a queue, or of the dead letters of one reason, oldest first: `listMax` at most, 100 by default. */
  list(queue: string, page?: { limit?: number; after?: number; reason?: string }): Promise<StoredMessage[]>
  /** The messages of these ids, also while they are handled; absent where the broker does not find a message by its id. */
  find?(queue: string, ids: readonly string[]): Promise<StoredMessage[]>
  /** The oldest dead letters by reason, those of `lettersMax` at most. */
  reasons(deadQueue: string): Promise<DeadLetterReasons>
  /** Which of these messages are dead letters now, with their reasons. */
  deadAmong(deadQueue: string, ids: ReadonlySet<string>): Promise<readonly DeadLetter[]>
  /** Moves dead letters to the end of their queue, as new messages under their ids; resolves to those that were moved. */
  replay(deadQueue: string, choice: DeadLetterChoice, options?: MoveOptions): Promise<readonly DeadLetter[]>
  /** Removes dead letters permanently; resolves to those that were removed. */
  dropDead(deadQueue: string, choice: DeadLetterChoice, options?: MoveOptions): Promise<readonly DeadLetter[]>
  /** Removes all messages of a queue permanently; resolves to their number. */
  purge(queue: string): Promise<number>
  /** Removes one message that waits in a queue; absent where the broker cannot, which is Kafka. Resolves to 0 or 1. */
  dropWaiting?(queue: string, id: string): Promise<number>
  /**
   * Declares a queue of an earlier version again, and keeps its messages; only RabbitMQ needs it. Rejects with `conflict` while
   * the queue is in use. Resolves to the number of messages that were moved.
   */
  redeclare?(queue: string): Promise<number>
  close(): Promise<void>
}

/** Which dead letters of a queue: all, or those of these ids, or those of this reason; of them the oldest `first`. */
export type DeadLetterChoice = {
  readonly ids?: readonly string[]
  readonly reason?: string
  readonly first?: number
}

export type MoveOptions = {
  /**
   * How many letters the choice must have without `first`, as they were shown: for any other number nothing is moved, and the call rejects
   * with `precondition_failed`. Those of a reason are counted among the oldest `lettersMax`, as by `reasons`.
   */
  readonly expect?: number
  /** How many letters are moved in a second at most; as fast as the broker takes them by default. */
  readonly perSecond?: number
  /** Called once the letters are chosen, with their number and none, and after each batch, with those that were moved. */
  readonly onProgress?: (chosen: number, moved: readonly DeadLetter[]) => void
  /** Ends the move between two batches; what was moved stays so. */
  readonly signal?: AbortSignal
}

/** `reason` is empty where there is none, as for a letter of another program. */
export type DeadLetter = {
  readonly id: string
  readonly reason: string
  /** The time of the last failure, in milliseconds since 1970. */
  readonly failedAt?: number
}

/** How many dead letters are read for a summary of their reasons. */
export const lettersMax = 10_000

export type DeadLetterReasons = {
  /** Most letters first. The times are the earliest and the latest of their last failures; absent where no letter has one. */
  readonly groups: readonly {
    readonly reason: string
    readonly count: number
    readonly firstAt?: number
    readonly lastAt?: number
  }[]
  /** How many dead letters there are, and how many of them the groups are of. */
  readonly total: number
  readonly seen: number
}

/** A message as an operator sees it; dead letters have the reason and the time of their last failure. */
export type StoredMessage = Message & {
  /** Where the next page continues, as `after`. */
  readonly position: number
  readonly attempts: number
  readonly publishedAt: number
  /** Of a live message, where the broker has it: whether a consumer holds it, or it waits for its next attempt or behind one of its key. */
  readonly state?: 'ready' | 'held or paused' | 'behind another'
  readonly failedAt?: number
  readonly reason?: string
}

/** What every broker offers. */
export type Queue<M extends Message = Message> = WorkQueue<M> & QueueAdmin

/** Thrown by a handler for a message that no retry can help: it becomes a dead letter at once. */
export class PoisonMessage extends Error {
  readonly poison = true
}

/**
 * Thrown by a handler that counts the attempts of a message itself, since not every broker keeps them when a consumer ends: `attempt` is the
 * one that has failed.
 */
export class FailedAttempt extends Error {
  readonly attempt: number

  constructor(attempt: number, message: string) {
    super(message)
    this.attempt = attempt
  }
}

/** Thrown by a handler that was stopped: the message is delivered again, and this was no attempt. */
export class HandlingStopped extends Error {}

const deadSuffix = '.dead'

/** The queue of the dead letters of a queue. */
export function deadQueueOf(queue: string): string {
  return `${queue}${deadSuffix}`
}

export function isDeadQueue(queue: string): boolean {
  return queue.endsWith(deadSuffix)
}

/** The same queue, or, of a queue of dead letters, the one that they came from. */
export function sourceQueueOf(queue: string): string {
  return isDeadQueue(queue) ? liveQueueOf(queue) : queue
}

/** The queue that dead letters came from. */
export function liveQueueOf(deadQueue: string): string {
  if (isDeadQueue(deadQueue)) return deadQueue.slice(0, -deadSuffix.length)
  throw invalid({ queue: `${deadQueue} is not a queue of dead letters; their names end in ${deadSuffix}.` })
}
