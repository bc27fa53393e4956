export type Random = ReturnType<typeof createRandom>

/** A generator of numbers that depend on the seed only (mulberry32). */
export function createRandom(seed: number) {
  let state = seed

  function next(): number {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  /** An integer from 0 to below the limit. */
  const below = (limit: number) => Math.floor(next() * limit)
  return {
    below,
    /** True in this share of the calls. */
    chance: (share: number) => next() < share,
    one<T>(choices: readonly [T, ...T[]]): T {
      return choices[below(choices.length)] ?? choices[0]
    },
  }
}
