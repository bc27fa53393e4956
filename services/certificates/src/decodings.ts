import { kinds } from './character-kinds.ts'

/**
 * The text in ASCII: characters that are compatible with it, such as those of full width, are converted, and all others and backslashes
 * are removed. `has` is the kinds of its characters.
 */
export function plainTextOf(text: string, has: number): string {
  const ascii =
    has & kinds.notPrintable
      ? text
          .replace(/\p{Dash}/gu, '-')
          .replace(/\p{Zs}/gu, ' ')
          .replace(/[^\t\n\r -~\uff01-\uff5e\u{1d400}-\u{1d7ff}]+/gu, '')
          .normalize('NFKC')
          .replace(/[^\t\n\r -~]+/g, '')
      : text
  return has & (kinds.backslash | kinds.notPrintable) ? ascii.replaceAll('\\', '') : ascii
}

/** Behind the padding of base64, `=` and a line break are no soft line break of quoted-printable. */
const escapes =
  /%(?:25)*([\da-f]{2})|&(?:amp;)*#(?:x([\da-f]{1,6})|(\d{1,7}));?|&(?:amp;)*([a-z]{2,8});|\\(?:u([\da-f]{4})|u\{([\da-f]{1,6})\}|x([\da-f]{1,2})|([0-3]?[0-7]{1,2})|[nrt])|=(?:([\da-f]{2})|\r?\n(?!-----END |$))/gi

const entities: Readonly<Record<string, string>> = {
  amp: '&',
  apos: "'",
  colon: ':',
  dash: '-',
  equals: '=',
  gt: '>',
  hyphen: '-',
  lowbar: '_',
  lt: '<',
  plus: '+',
  quot: '"',
  sol: '/',
}

/** The text with percent-encoding, character references, escapes and quoted-printable decoded, each once. */
export function withoutEscapes(text: string, has: number): string {
  if (!(has & kinds.escape)) return text
  return text.replace(escapes, (found, ...groups: readonly (string | undefined)[]) => {
    const [percent, reference, decimal, name, unit, point, byte, octal, quoted] = groups
    if (name !== undefined) return entities[name.toLowerCase()] ?? ''
    if (decimal !== undefined) return characterOf(Number(decimal))
    if (octal !== undefined) return characterOf(Number.parseInt(octal, 8))
    const hex = percent ?? reference ?? unit ?? point ?? byte ?? quoted
    if (hex !== undefined) return characterOf(Number.parseInt(hex, 16))
    return found.startsWith('=') ? '' : '\n'
  })
}

function characterOf(point: number): string {
  return point <= 0x10ffff ? String.fromCodePoint(point) : ''
}

/**
 * The bytes that a text is in base64, in hexadecimal and as numbers, one after the other. All that is no digit is skipped, and decoding
 * begins at each of the first digits, so that neither white space, punctuation and labels nor base64 before it hide anything.
 * `text` is what `plainTextOf` makes of the original, and `has` the kinds of its characters. The bytes are valid until the next call.
 */
export function decodingsOf(text: string, has: number, original: string): Buffer {
  const content = has & kinds.lessThan ? text.replace(/<[^<>]{0,200}>/g, '') : text
  // There may be tags amid base64, and base64 in tags.
  const digits = content === text ? base64In(text, has) : [...base64In(content, has), ...base64In(text, has)]
  // Base64 whose digits are all hexadecimal is none by chance.
  const starts = has & kinds.otherBase64Digit ? [0, 1, 2, 3] : [0]
  const hexTexts = (content === text ? [text] : [text, content]).filter(isHexIn)
  const hex = hexTexts.map((one) => (has & ~kinds.hexDigit ? hexDigitsOf(one) : one))
  // The characters beside a dump may look like tags, with which bytes would be left out.
  const isDump = hexTexts.length > 0 && ((has & kinds.space) !== 0 || text !== original)
  const inner = isDump ? withoutMargins(original) : original
  if (inner !== original) hex.push(hexDigitsOf(inner))
  return decode({
    base64: starts.flatMap((at) => digits.map((one) => one.slice(at))),
    hex: [0, 1].flatMap((at) => hex.map((one) => one.slice(at))),
    latin1:
      text !== original ? [text, original].flatMap(numbersIn) : has & ~kinds.hexDigit ? numbersIn(text) : [],
  })
}

/** Whether a text has twelve bytes in hexadecimal in sequence. */
function isHexIn(text: string): boolean {
  return mayHaveHex(text) && /(?:[\da-f]{2}[^\da-z]{0,8}(?:0x)?){12}/i.test(text)
}

/** The digits of base64 in a text: in the usual alphabet, and in the one for URLs if there are any of it. */
function base64In(text: string, has: number): string[] {
  const digits = has & ~base64Digits ? base64DigitsOf(text) : text
  return mayBeUrl(text, has) ? [digits, text.replace(/[^\w-]+|-{5,}/g, '')] : [digits]
}

/** Allocating these bytes for each text would take longer than decoding most of them. */
const reused = Buffer.allocUnsafeSlow(32_768)

function spaceFor(size: number): Buffer {
  return size <= reused.length ? reused : Buffer.allocUnsafe(size)
}

type Encoding = 'base64' | 'hex' | 'latin1'

/** The bytes of all texts, until the next call. A byte that is not printable keeps the texts in them apart. */
function decode(all: Readonly<Record<Encoding, readonly string[]>>): Buffer {
  let size = 0
  for (const encoding of encodings) for (const text of all[encoding]) size += text.length + 1
  const bytes = spaceFor(size)
  let end = 0
  for (const encoding of encodings)
    for (const text of all[encoding]) {
      if (text === '') continue
      end += bytes.write(text, end, encoding)
      bytes[end] = 1
      end += 1
    }
  return bytes.subarray(0, end)
}

const encodings = ['base64', 'hex', 'latin1'] as const

const base64Digits = kinds.hexDigit | kinds.otherBase64Digit

const [noDigit, letterOrNumber, sign] = [0, 1, 2]
const digitKinds = Uint8Array.from({ length: 256 }, (_, code) => {
  const character = String.fromCharCode(code)
  if (character === '+' || character === '/') return sign
  return /[A-Za-z\d]/.test(character) ? letterOrNumber : noDigit
})

/** The digits of base64 in a text in ASCII, without + and / that are operators, since no other digit is next to them. */
function base64DigitsOf(text: string): string {
  const bytes = spaceFor(text.length)
  const { length } = text
  bytes.write(text, 'latin1')
  let end = 0
  let isBehindOther = false
  // Where signs begin that are behind another character.
  let signsAt = -1
  for (let at = 0; at < length; at += 1) {
    const code = bytes[at] ?? 0
    const kind = digitKinds[code]
    if (kind === noDigit) {
      if (signsAt >= 0) end = signsAt
      signsAt = -1
      isBehindOther = true
      continue
    }
    if (kind === letterOrNumber) signsAt = -1
    else if (isBehindOther) signsAt = end
    isBehindOther = false
    bytes[end] = code
    end += 1
  }
  return bytes.toString('latin1', 0, signsAt >= 0 ? signsAt : end)
}

/** Whether a text has the digits of the alphabet for URLs, and not only hyphens in fives, as in labels. */
function mayBeUrl(text: string, has: number): boolean {
  if (has & kinds.underscore) return true
  if (!(has & kinds.hyphen)) return false
  for (let at = text.indexOf('-'); at >= 0; ) {
    let end = at + 1
    while (text[end] === '-') end += 1
    if ((end - at) % 5 !== 0) return true
    at = text.indexOf('-', end)
  }
  return false
}

/** Two numbers in sequence, which neither base64 nor most other texts have. */
const listedNumbers =
  /[^a-z\d](?:0x[\da-f]{1,2}|\d{1,3})(?:_?[g-z][a-z]?8?)?(?:[^a-z\d]\D{0,40})?[^a-z\d](?:0x[\da-f]{1,2}|\d{1,3})(?:_?[g-z][a-z]?8?)?(?![a-z\d])/i

/** Numbers with the suffixes of types; a hyphen behind another number separates it. Longer ones are positions. */
const number = /(?:(?<![a-z\d])-)?(?<![a-z\d])(?:0x[\da-f]{1,2}|\d{1,5})(?:_?[g-z][a-z]?8?)?(?![a-z\d])/gi

/** No key has fewer bytes. */
const numbersMin = 12

/**
 * The bytes that are numbers in a text, each as a text in latin1: all of up to three digits, and every second one, since positions or
 * fractions may be between them.
 */
function numbersIn(text: string): string[] {
  if (!listedNumbers.test(text)) return []
  const found = withoutCharacters(text).match(number) ?? []
  if (found.length < numbersMin) return []
  const short = found.filter((one) => !/^-?\d{4}/.test(one))
  const [even, odd] = [0, 1].map((rest) => found.filter((_, i) => i % 2 === rest))
  return [short, even ?? [], odd ?? []].map((list) =>
    Buffer.from(list.map((one) => Number.parseInt(one, /0x/i.test(one) ? 16 : 10))).toString('latin1'),
  )
}

/** The digits of twelve bytes; fewer are not decoded. */
const hexMin = 24

/** Whether a text has so many characters in sequence that are hexadecimal digits, an x, or neither letter nor digit; looks at few. */
function mayHaveHex(text: string): boolean {
  for (let at = hexMin - 1; at < text.length; at += hexMin) {
    if (!isOfHex(text.charCodeAt(at))) continue
    let start = at
    while (start > at - hexMin + 1 && isOfHex(text.charCodeAt(start - 1))) start -= 1
    let end = at + 1
    while (end < text.length && end < start + hexMin && isOfHex(text.charCodeAt(end))) end += 1
    if (end === start + hexMin) return true
  }
  return false
}

function isOfHex(code: number): boolean {
  // The bit of the code that distinguishes the cases of letters.
  const letter = code | 0x20
  return letter < 0x67 || letter > 0x7a || letter === 0x78
}

function hexDigitsOf(text: string): string {
  return text.replace(/0x/gi, '').replace(/[^\da-f]+/gi, '')
}

/** A dump of od without the characters behind each line, which may be digits. */
function withoutCharacters(text: string): string {
  return text.replace(/ {2}>.*/g, (found) => (found.trimEnd().endsWith('<') ? '' : found))
}

/** A dump of xxd, hexdump or od, without the offset before each line, and the characters behind it. */
function withoutMargins(text: string): string {
  return withoutCharacters(text).replace(
    /^[ \t]{0,8}[\da-f]{4,16}(?:(:[ \t])|[ \t]{1,4})(.*)$/gim,
    (_, colon?: string, rest = '') => {
      const end = String(rest).indexOf(colon === undefined ? '|' : '  ')
      return end < 0 ? rest : rest.slice(0, end)
    },
  )
}

/** Random bytes have no printable text of this length, and no key is shorter. */
export const printableMin = 32

/** The printable texts in bytes, also if they are of two or four bytes per character, one per line. */
export function printableIn(bytes: Buffer): string {
  const found: string[] = []
  for (let at = printableMin - 1; at < bytes.length; at += printableMin) {
    if (!isPrintable(bytes[at])) continue
    let start = at
    while (isPrintable(bytes[start - 1])) start -= 1
    let end = at + 1
    while (isPrintable(bytes[end])) end += 1
    if (end - start >= printableMin) found.push(bytes.toString('latin1', start, end).replaceAll('\0', ''))
    at += Math.floor((end - 1 - at) / printableMin) * printableMin
  }
  return found.join('\n')
}

function isPrintable(byte: number | undefined): boolean {
  if (byte === undefined) return false
  return (byte >= 0x20 && byte <= 0x7e) || byte === 0 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

/** The bytes of a text: in UTF-8, and if no character is above U+00FF also one for each. */
export function bytesOf(text: string): Buffer {
  const utf8 = Buffer.from(text)
  return /[^\0-\xff]/.test(text) ? utf8 : Buffer.concat([Buffer.from(text, 'latin1'), utf8])
}
