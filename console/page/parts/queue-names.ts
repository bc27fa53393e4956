import type { QueueSummary } from '../../src/wire/index.ts'
import { addressOf } from '../router.ts'

const deadSuffix = '.dead'

export const deadLettersOf = (queue: string): string => `${queue}${deadSuffix}`
export const isOfDeadLetters = (name: string): boolean => name.endsWith(deadSuffix)
/** The queue whose dead letters these are, or the queue itself. */
export const liveQueueOf = (name: string): string =>
  isOfDeadLetters(name) ? name.slice(0, -deadSuffix.length) : name
export const addressOfQueue = (name: string): string => addressOf(`/queues/${encodeURIComponent(name)}`)

/** RabbitMQ has no way to look at messages but to take them and to return them. */
export const isChangedByLooking = ({ broker }: QueueSummary): boolean => broker.startsWith('amqp')
export const effectOfLooking =
  'Looking takes messages from this queue and returns them: RabbitMQ marks them as redelivered, and consumers get them a little later.'
