import { kinds } from './character-kinds.ts'

/**
 * The text in ASCII: characters that are compatible with it, such as those of full width, are converted, and all others, backslashes and
 * the attributes of elements are removed. `has` is the kinds of its characters.
 */
export function plainTextOf(text: string, has: number): string {
  const ascii =
    has & kinds.notPrintable
      ? text
          .replace(/\p{Dash}/gu, '-')
          .replace(/\p{Zs}/gu, ' ')
          .replace(/[^\t\n\r -~\uff01-\uff5e\u{1d400}-\u{1d7ff}]+/gu, '')
          .normalize('NFKC')
      : text
  const unescaped = has & (kinds.backslash | kinds.notPrintable) ? ascii.replaceAll('\\', '') : ascii
  return unescaped.includes('<') ? unescaped.replace(/(<[\w.:-]{1,64})\s[^<>]{0,200}>/g, '$1>') : unescaped
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
 * `text` is what `plainTextOf` makes of the original, and `has` the kinds of its characters.
 */
export function decodingsOf(text: string, has: number, original: string): Buffer {
  const content = has & kinds.lessThan ? text.replace(/<[^<>]{0,200}>/g, '') : text
  const base64 = has & ~base64Digits ? content.replace(notBase64, '') : content
  const base64Url = mayBeUrl(content, has) ? content.replace(/[^\w-]+|-{5,}/g, '') : ''
  const isHex = mayHaveHex(text) && /(?:[\da-f]{2}[^\da-z]{0,8}(?:0x)?){12}/i.test(text)
  const hex = !isHex ? '' : has & ~kinds.hexDigit ? hexDigitsOf(text) : text
  // The characters beside a dump may look like tags, with which bytes would be left out.
  const inner = isHex && (has & kinds.space || text !== original) ? withoutMargins(original) : original
  const dump = inner === original ? '' : hexDigitsOf(inner)
  return decode([
    ...[0, 1, 2, 3].flatMap((at) => [base64.slice(at), base64Url.slice(at)].map(encodedIn('base64'))),
    ...[0, 1].flatMap((at) => [hex.slice(at), dump.slice(at)].map(encodedIn('hex'))),
    encodedIn('latin1')(numbersIn(text, has)),
  ])
}

type Encoded = { readonly text: string; readonly encoding: 'base64' | 'hex' | 'latin1' }

const encodedIn =
  (encoding: Encoded['encoding']) =>
  (text: string): Encoded => ({ text, encoding })

/** The bytes of all texts. A byte that is not printable keeps the texts in them apart. */
function decode(all: readonly Encoded[]): Buffer {
  const bytes = Buffer.allocUnsafe(all.reduce((sum, { text }) => sum + text.length + 1, 0))
  let end = 0
  for (const { text, encoding } of all) {
    if (text === '') continue
    end += bytes.write(text, end, encoding)
    bytes[end] = 1
    end += 1
  }
  return bytes.subarray(0, end)
}

const base64Digits = kinds.hexDigit | kinds.otherBase64Digit

/** All that is no digit, and digits behind it that are operators, since they are alone. */
const notBase64 = /[^A-Za-z\d+/]+(?:[+/]+(?![A-Za-z\d+/]))?/g

/** Whether a text has the digits of the alphabet for URLs, and not only lines of hyphens. */
function mayBeUrl(text: string, has: number): boolean {
  if (has & kinds.underscore) return true
  return (has & kinds.hyphen) !== 0 && text.replaceAll('-----', '').includes('-')
}

/** A number behind a separator, which base64 in lines has only where a line is as short as a number. */
const listedNumber = /[,;\s]-?(?:0x[\da-f]{1,2}|\d{1,3})(?![\w+/=])/i

/** The bytes that are numbers in a text, as a text in latin1. */
function numbersIn(text: string, has: number): string {
  const hasSeparators = (has & (kinds.space | kinds.lineBreak | kinds.listSeparator)) !== 0
  if (!hasSeparators || !listedNumber.test(text)) return ''
  const numbers = text.match(/-?\b(?:0x[\da-f]{1,2}|\d{1,3})\b/gi) ?? []
  return Buffer.from(numbers.map(Number)).toString('latin1')
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

/** A dump of xxd, hexdump or od, without the offset before each line, and the characters behind it. */
function withoutMargins(text: string): string {
  return text.replace(
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
