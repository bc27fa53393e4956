/** An element of BER (X.690, 8.1); `end` may be behind the last byte. */
export type Element = { readonly tag: number; readonly start: number; readonly end: number }

export const integer = 0x02
export const bitString = 0x03
export const octetString = 0x04
export const objectId = 0x06
export const sequence = 0x30

/** The first four elements inside of one. */
export function elementsIn(bytes: Buffer, { start, end }: Element): Element[] {
  const found: Element[] = []
  for (let at = start; at < end && found.length < 4; ) {
    const element = elementAt(bytes, at)
    if (element === undefined) break
    found.push(element)
    at = element.end
  }
  return found
}

/** Of an indefinite length (X.690, 8.1.3.6) the end is that of the bytes. */
export function elementAt(bytes: Buffer, at: number): Element | undefined {
  const [tag, length] = [bytes[at], bytes[at + 1]]
  if (tag === undefined || length === undefined) return undefined
  const start = at + 2
  if (length < 0x80) return { tag, start, end: start + length }
  const size = length & 0x7f
  if (size === 0) return { tag, start, end: bytes.length }
  if (size > 4 || start + size > bytes.length) return undefined
  return { tag, start: start + size, end: start + size + bytes.readUIntBE(start, size) }
}

/** Where the content of an element begins, which may be behind the last byte. */
export function contentStart(bytes: Buffer, at: number): number {
  const length = bytes[at + 1] ?? 0
  return at + 2 + (length < 0x80 ? 0 : length & 0x7f)
}

/** An element of DER: its tag, and what is in it. */
export type Part = { readonly tag: number; readonly content: Buffer }

/** More than the structures of keys and certificates have. */
const partsMax = 16

/** The elements that bytes consist of, each of a definite length, as in DER (X.690, 10.1); undefined for any other bytes. */
export function partsOf(bytes: Buffer): Part[] | undefined {
  const found: Part[] = []
  for (let at = 0; at < bytes.length; ) {
    const element = elementAt(bytes, at)
    const isDefinite = bytes[at + 1] !== 0x80
    if (element === undefined || !isDefinite || element.end > bytes.length) return undefined
    if (hasLongTag(element) || found.length === partsMax) return undefined
    found.push({ tag: element.tag, content: bytes.subarray(element.start, element.end) })
    at = element.end
  }
  return found
}

/** The tag is continued in the next bytes (X.690, 8.1.2.4), where `elementAt` reads the length. */
function hasLongTag({ tag }: Element): boolean {
  return (tag & 0x1f) === 0x1f
}

/** The elements of a sequence that is all of the bytes. */
export function partsOfSequence(bytes: Buffer): Part[] | undefined {
  const [outer, ...others] = partsOf(bytes) ?? []
  return outer?.tag === sequence && others.length === 0 ? partsOf(outer.content) : undefined
}

/** The first element of bytes, without what follows. */
export function firstElement(bytes: Buffer): Buffer {
  return bytes.subarray(0, elementAt(bytes, 0)?.end)
}
