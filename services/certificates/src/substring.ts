/**
 * A search for one sequence of bytes, which is not empty, by Knuth, Morris and Pratt. Takes time in proportion to the length of both, whatever they are;
 * `Buffer.includes` takes that of their product.
 */
export function searchFor(wanted: Uint8Array): (bytes: Uint8Array) => boolean {
  const borders = bordersOf(wanted)
  return (bytes) => {
    if (bytes.length < wanted.length) return false
    let matched = 0
    for (let at = 0; at < bytes.length; at += 1) {
      matched = extended(wanted, borders, matched, bytes[at])
      if (matched === wanted.length) return true
    }
    return false
  }
}

/** Of each prefix, the length of the longest shorter prefix that it ends with, at the index of its length. */
function bordersOf(wanted: Uint8Array): Uint32Array {
  const borders = new Uint32Array(wanted.length + 1)
  for (let at = 1; at < wanted.length; at += 1)
    borders[at + 1] = extended(wanted, borders, borders[at] ?? 0, wanted[at])
  return borders
}

/** How many bytes of what is wanted end with the given byte, which follows `matched` of them. */
function extended(wanted: Uint8Array, borders: Uint32Array, matched: number, byte: number | undefined) {
  let length = matched
  while (length > 0 && wanted[length] !== byte) length = borders[length] ?? 0
  return wanted[length] === byte ? length + 1 : 0
}
