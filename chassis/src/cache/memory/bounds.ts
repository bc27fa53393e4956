/** The size of the cache; whichever bound is reached first evicts the least recently read key. */
export type MemoryBounds = { entriesMax: number; bytesMax: number }

const entriesDefault = 50_000
const bytesDefault = 16 * 1024 ** 2

/** The bounds of a cache URL such as `memory:?entries=50000&bytes=16777216`, which was checked with the settings. */
export function boundsOf(url: string): MemoryBounds {
  const { searchParams } = new URL(url)
  return {
    entriesMax: Number(searchParams.get('entries') ?? entriesDefault),
    bytesMax: Number(searchParams.get('bytes') ?? bytesDefault),
  }
}
