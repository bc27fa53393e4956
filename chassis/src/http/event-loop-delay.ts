import { monitorEventLoopDelay } from 'node:perf_hooks'

const resolutionMs = 10
const sampleIntervalMs = 1_000

/**
 * Measures by how much the event loop is late, as the mean of the last second. (`@fastify/under-pressure` also samples the memory by
 * opening a file, and the process ends where there is no descriptor left for it.)
 */
export function createEventLoopDelay(): { delayMs(): number; stop(): void } {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs })
  let delayMs = 0
  histogram.enable()
  const timer = setInterval(() => {
    // Without a single sample, the loop has been blocked for the whole time.
    delayMs = histogram.count === 0 ? sampleIntervalMs : Math.max(0, histogram.mean / 1e6 - resolutionMs)
    histogram.reset()
  }, sampleIntervalMs).unref()
  return {
    delayMs: () => delayMs,
    stop() {
      clearInterval(timer)
      histogram.disable()
    },
  }
}
