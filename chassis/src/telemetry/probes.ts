/** Whether a route, or a path, is for probes and scrapers: health, and metrics. */
export function isProbe(path: string): boolean {
  return probe.test(path)
}

const probe = /^\/(?:health|healthcheck|metrics)(?:[/?]|$)/
