import { createHash } from 'node:crypto'

/** Pseudorandom numbers, which are the same on every machine for the same seed. */
export type Random = {
  /** At least 0 and less than 1. */
  fraction(): number
  /** At least 0 and less than `below`. */
  integer(below: number): number
  pick<Item>(items: readonly [Item, ...Item[]]): Item
  shuffle<Item>(items: readonly Item[]): Item[]
  /** 32 hexadecimal digits in upper case. */
  hex(): string
  /** Its numbers depend on the seed and on its name alone, not on what else was drawn. */
  fork(name: string): Random
}

/** The generator sfc32 of Doty-Humphrey (PractRand), from the digest of the seed. */
export function createRandom(seed: string): Random {
  const digest = createHash('sha256').update(seed).digest()
  let [a, b, c, counter] = [0, 4, 8, 12].map((at) => digest.readInt32LE(at)) as [
    number,
    number,
    number,
    number,
  ]

  function next(): number {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  const fraction = () => next() / 2 ** 32
  const integer = (below: number) => Math.floor(fraction() * below)
  return {
    fraction,
    integer,
    pick: (items) => items[integer(items.length)] ?? items[0],
    shuffle(items) {
      const ranked = items.map((item) => ({ item, rank: next() }))
      return ranked.toSorted((one, other) => one.rank - other.rank).map(({ item }) => item)
    },
    hex: () =>
      Array.from({ length: 4 }, () => next().toString(16).padStart(8, '0'))
        .join('')
        .toUpperCase(),
    fork: (name) => createRandom(`${seed}/${name}`),
  }
}
