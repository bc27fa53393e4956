import { AppError } from '../errors/index.ts'
import { createSlots } from './slots.ts'
import type { Waiter } from './slots.ts'

/** Runs the work when there is room for it; settles as the work does, or rejects with `overloaded`. */
type Limiter = <R>(work: () => Promise<R>) => Promise<R>

export type LimiterOptions = { concurrencyMax: number; waitingMax: number; refusal: string }

/**
 * Runs up to `concurrencyMax` pieces of work at a time while up to `waitingMax` wait, in order of arrival. Any more are
 * rejected with `overloaded` and the text `refusal`.
 */
export function createLimiter({ concurrencyMax, waitingMax, refusal }: LimiterOptions): Limiter {
  const waiting: Waiter[] = []
  const run = createSlots<object>(concurrencyMax, {
    add(waiter) {
      if (waiting.length < waitingMax) waiting.push(waiter)
      else waiter.refuse(new AppError('overloaded', refusal))
    },
    next: () => waiting.shift(),
  })
  return (work) => run({}, work)
}
