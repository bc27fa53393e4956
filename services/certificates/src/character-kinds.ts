/** Kinds of characters, each a bit, by which a text that cannot have an encoding is not examined for it. */
export const kinds = {
  hexDigit: 1,
  /** A letter that is no hexadecimal digit, a plus or a slash. */
  otherBase64Digit: 2,
  space: 4,
  lineBreak: 8,
  /** A comma or a semicolon. */
  listSeparator: 16,
  hyphen: 32,
  underscore: 64,
  /** A character that an escape begins with. */
  escape: 128,
  backslash: 256,
  lessThan: 512,
  /** A colon or a greater-than sign. */
  valueMark: 1024,
  otherPrintable: 2048,
  /** A control character, or one beyond ASCII. */
  notPrintable: 4096,
} as const

const allKinds = 2 * kinds.notPrintable - 1

const byKind: readonly (readonly [pattern: RegExp, kind: number])[] = [
  [/[\dA-Fa-f]/, kinds.hexDigit],
  [/[A-Za-z+/]/, kinds.otherBase64Digit],
  [/[ \t]/, kinds.space],
  [/[\r\n]/, kinds.lineBreak],
  [/[,;]/, kinds.listSeparator],
  [/-/, kinds.hyphen],
  [/_/, kinds.underscore],
  [/[%&=]/, kinds.escape],
  [/\\/, kinds.escape | kinds.backslash],
  [/</, kinds.lessThan],
  [/[:>]/, kinds.valueMark],
  [/[!-~]/, kinds.otherPrintable],
]

/** By the bytes of UTF-8; a character beyond ASCII may be any. */
const kindOf = Uint16Array.from({ length: 256 }, (_, code) => {
  if (code > 0x7f) return allKinds
  const character = String.fromCharCode(code)
  return byKind.find(([pattern]) => pattern.test(character))?.[1] ?? kinds.notPrintable
})

/** Bytes are examined in less time than characters, and without an allocation in less again. */
const reused = Buffer.allocUnsafeSlow(98_304)
/** Of a unit of UTF-16. */
const utf8BytesMax = 3

/** The kinds of characters that a text has, as the sum of their bits; all of them if it is not in ASCII. */
export function kindsIn(text: string): number {
  const sizeMax = utf8BytesMax * text.length
  const bytes = sizeMax <= reused.length ? reused : Buffer.allocUnsafe(sizeMax)
  const end = bytes.write(text)
  let found = 0
  for (let at = 0; at < end; at += 1) found |= kindOf[bytes[at] ?? 0] ?? 0
  return found
}
