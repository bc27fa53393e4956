import { ConfigError, readWholeNumber } from '../../config/index.ts'

/** The size of the cache; whichever bound is reached first evicts the least recently read key. */
export type MemoryBounds = { entriesMax: number; bytesMax: number }

const bounds = {
  entries: { minimum: 1, maximum: 10_000_000, byDefault: 50_000 },
  bytes: { minimum: 1024, maximum: 1024 ** 4, byDefault: 16 * 1024 ** 2 },
} as const

/** The bounds of a cache URL. Throws a ConfigError that says what is wrong with the URL. */
export function boundsOf(url: string): MemoryBounds {
  const [, search] = /^memory:(?:\?(.*))?$/.exec(url) ?? refuse(url, 'only a query may follow "memory:"')
  const query = new URLSearchParams(search)
  for (const name of query.keys()) {
    if (!Object.hasOwn(bounds, name)) refuse(url, `its parameters are "entries" and "bytes", not "${name}"`)
  }
  return { entriesMax: boundOf(url, query, 'entries'), bytesMax: boundOf(url, query, 'bytes') }
}

function boundOf(url: string, query: URLSearchParams, name: keyof typeof bounds): number {
  const { minimum, maximum, byDefault } = bounds[name]
  const text = query.get(name) ?? String(byDefault)
  const value = readWholeNumber(text)
  if (value !== undefined && value >= minimum && value <= maximum) return value
  return refuse(url, `"${name}" must be a whole number from ${minimum} to ${maximum}`)
}

function refuse(url: string, reason: string): never {
  throw new ConfigError([`CACHE_URL is "${url}", but ${reason}`])
}
