export { createBatcher } from './batcher.ts'
export { createKeyedMutex } from './keyed-mutex.ts'
export { createLimiter } from './limiter.ts'
export { createSampledBound, createSampledBounds } from './sampled-bound.ts'
