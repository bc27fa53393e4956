const entriesMax = 1_000

/** Drops all entries when there are too many, so that a flood of addresses slows others down only for a moment. */
export function remember<V>(cache: Map<string, V>, key: string, value: V): void {
  if (cache.size >= entriesMax) cache.clear()
  cache.set(key, value)
}
