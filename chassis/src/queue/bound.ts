import type { Clock } from '../clock/index.ts'
import { createSampledBounds } from '../concurrency/index.ts'
import { AppError } from '../errors/index.ts'

/** How many messages a queue holds at most, unless a publication says otherwise. */
export const limitDefault = 100_000

const refusal = 'The queue is full; try again shortly.'
const refusalSampleAgeMs = 10

export function queueFull(): AppError {
  return new AppError('overloaded', refusal)
}

/** The bounds of the queues of a server, which alone can count messages, and too slowly for every publication. */
export function createQueueBounds(options: {
  clock: Clock
  depth: (queue: string) => Promise<number>
  sampleIntervalMs: number
}) {
  const { clock, depth, sampleIntervalMs } = options
  return createSampledBounds({ clock, sample: depth, sampleIntervalMs, refusalSampleAgeMs, refusal })
}
