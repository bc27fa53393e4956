import { activeSpan, withSpan } from '../telemetry/index.ts'
import type { Cache } from './port.ts'

/** The same cache, whose reads and writes are spans where the request is recorded. Keys are not in them, since they have ids. */
export function tracedCache(cache: Cache, system: string): Cache {
  const about = (name: string) => ({
    name,
    kind: 'internal' as const,
    attributes: { 'db.system.name': system },
  })
  return {
    ...cache,
    read(key, load) {
      const parent = activeSpan()
      if (parent === undefined) return cache.read(key, load)
      return withSpan(parent, about('cache read'), (span) => {
        span?.set('quintet.cache.result', 'hit')
        return cache.read(key, () => {
          span?.set('quintet.cache.result', 'miss')
          return load()
        })
      })
    },
    write(keys, change, entryOf) {
      const parent = activeSpan()
      if (parent === undefined) return cache.write(keys, change, entryOf)
      return withSpan(parent, about('cache write'), () => cache.write(keys, change, entryOf))
    },
  }
}
