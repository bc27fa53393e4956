import { monitorEventLoopDelay } from 'node:perf_hooks'

const resolutionMs = 10
const sampleIntervalMs = 1_000

/**
 * Measures by how much the event loop is late, as the lesser of the means of the last two seconds: what blocks it once, such as loading
 * modules, is no overload. (`@fastify/under-pressure` also samples the memory by opening a file, and the process ends where there is no
 * descriptor left for it.)
 */
export function createEventLoopDelay(): { delayMs(): number; stop(): void } {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs })
  let [before, last] = [0, 0]
  histogram.enable()
  const timer = setInterval(() => {
    // Without a single sample, the loop has been blocked for the whole time.
    before = last
    last = histogram.count === 0 ? sampleIntervalMs : Math.max(0, histogram.mean / 1e6 - resolutionMs)
    histogram.reset()
  }, sampleIntervalMs).unref()
  return {
    delayMs: () => Math.min(before, last),
    stop() {
      clearInterval(timer)
      histogram.disable()
    },
  }
}
