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

const kindOf = Uint16Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code)
  return byKind.find(([pattern]) => pattern.test(character))?.[1] ?? kinds.notPrintable
})

/** The kinds of characters that a text has, as the sum of their bits; all of them if it is not in ASCII. */
export function kindsIn(text: string): number {
  let found = 0
  for (let at = 0; at < text.length; at += 1) found |= kindOf[text.charCodeAt(at)] ?? -1
  return found
}
