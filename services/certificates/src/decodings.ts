/**
 * The text in ASCII: characters that are compatible with it, such as those of full width, are converted, and all others, backslashes and
 * the attributes of elements are removed.
 */
export function plainTextOf(text: string): string {
  const ascii = /[^\t\n\r -~]/.test(text)
    ? text
        .replace(/\p{Dash}/gu, '-')
        .replace(/\p{Zs}/gu, ' ')
        .replace(/[^\t\n\r -~\uff01-\uff5e\u{1d400}-\u{1d7ff}]+/gu, '')
        .normalize('NFKC')
    : text
  const unescaped = ascii.replaceAll('\\', '')
  return unescaped.includes('<') ? unescaped.replace(/(<[\w.:-]{1,64})\s[^<>]{0,200}>/g, '$1>') : unescaped
}

const escapes =
  /%(?:25)*([\da-f]{2})|&(?:amp;)*#(?:x([\da-f]{1,6})|(\d{1,7}));?|&(?:amp;)*([a-z]{2,8});|\\(?:u([\da-f]{4})|u\{([\da-f]{1,6})\}|x([\da-f]{1,2})|([0-3]?[0-7]{1,2})|[nrt])|=(?:([\da-f]{2})|\r?\n)/gi

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
export function withoutEscapes(text: string): string {
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
 * `text` is what `plainTextOf` makes of the original.
 */
export function decodingsOf(text: string, original: string): Buffer {
  const content = text.includes('<') ? text.replace(/<[^<>]{0,200}>/g, '') : text
  const base64 = content.replace(/(?<![A-Za-z\d+/])[+/]+(?![A-Za-z\d+/])/g, '').replace(/[^A-Za-z\d+/]+/g, '')
  const isUrl = /(?<!-)-{1,4}(?!-)|_/.test(content)
  const base64Url = isUrl ? content.replace(/[^\w-]+|-{5,}/g, '') : ''
  const isHex = /(?:[\da-f]{2}[^\da-z]{0,8}(?:0x)?){12}/i.test(text)
  const hex = isHex ? hexDigitsOf(text) : ''
  // The characters beside a dump may look like tags, with which bytes would be left out.
  const inner = isHex ? withoutMargins(original) : original
  const dump = inner === original ? '' : hexDigitsOf(inner)
  const isList = /[\da-f]\s{0,8}[,;\s]\s{0,8}-?\d/i.test(text)
  const numbers = isList ? (text.match(/-?\b(?:0x[\da-f]{1,2}|\d{1,3})\b/gi) ?? []).map(Number) : []
  const decodings = [
    ...[0, 1, 2, 3].flatMap((at) =>
      [base64, base64Url].map((digits) => Buffer.from(digits.slice(at), 'base64')),
    ),
    ...[0, 1].flatMap((at) => [hex, dump].map((digits) => Buffer.from(digits.slice(at), 'hex'))),
    Buffer.from(numbers),
  ]
  // A byte that is not printable keeps the texts in them apart.
  return Buffer.concat(decodings.flatMap((bytes) => [bytes, apart]))
}

const apart = Buffer.from([1])

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

/** The bytes of a text, one for each character if none is above U+00FF. */
export function bytesOf(text: string): Buffer {
  return Buffer.from(text, /[^\0-\xff]/.test(text) ? 'utf8' : 'latin1')
}
