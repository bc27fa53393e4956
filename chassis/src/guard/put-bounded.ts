const entriesMax = 1_000

/** Adds an entry to a cache, and drops all others when there are too many, so that a flood of addresses slows others down only for a moment. */
export function putBounded<V>(cache: Map<string, V>, key: string, value: V): void {
  if (cache.size >= entriesMax) cache.clear()
  cache.set(key, value)
}
