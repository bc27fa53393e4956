import { randomBytes } from 'node:crypto'
import { certificate, hexLines, pemOf } from './private-keys.ts'

type Wrap<T> = Readonly<Record<string, (value: T) => string>>

/** Lines of sixteen bytes each; `at` gives the offset in as many digits. */
export function dumpOf(
  bytes: Buffer,
  lineOf: (line: Buffer, at: (digits: number) => string) => string,
): string {
  const offsets = Array.from({ length: Math.ceil(bytes.length / 16) }, (_, i) => 16 * i)
  return offsets
    .map((offset) =>
      lineOf(bytes.subarray(offset, offset + 16), (digits) => offset.toString(16).padStart(digits, '0')),
    )
    .join('\n')
}
export const spaced = (line: Buffer) => line.toString('hex').replace(/../g, '$& ')
const shown = (line: Buffer) => line.toString('latin1').replace(/[^ -~]/g, '.')

/** What is done to bytes to have them in a text. */
const ofBytes: Wrap<Buffer> = {
  base64: (bytes) => bytes.toString('base64'),
  'base64 in lines': (bytes) => bytes.toString('base64').replace(/.{76}/g, '$&\r\n'),
  'base64 in the alphabet of URLs': (bytes) => bytes.toString('base64url'),
  'base64 behind letters': (bytes) => `keyABC${bytes.toString('base64')}`,
  'base64 behind a certificate': (bytes) => certificate.pem + bytes.toString('base64'),
  'base64 amid a text': (bytes) => `the key is ${bytes.toString('base64')}, and so on`,
  'base64 of more than the key': (bytes) =>
    Buffer.concat([certificate.der, bytes, randomBytes(5)]).toString('base64'),
  'base64 in JSON': (bytes) => JSON.stringify({ name: 'a', value: bytes.toString('base64') }),
  'base64 in strings of a program': (bytes) => bytes.toString('base64').replace(/.{60}/g, '"$&" +\n  '),
  'base64 in XML': (bytes) => `<a><b>${bytes.toString('base64').replace(/.{60}/g, '$&<br/>')}</b></a>`,
  'PEM of a certificate': (bytes) => pemOf('CERTIFICATE', bytes),
  'PEM without a kind': (bytes) => pemOf('KEY', bytes),
  'PEM of PKCS #12': (bytes) => pemOf('PKCS12', bytes),
  'PEM of any other kind': (bytes) => pemOf('SOMETHING ELSE', bytes),
  'PEM behind a certificate': (bytes) => certificate.pem + pemOf('CERTIFICATE', bytes),
  hexadecimal: (bytes) => bytes.toString('hex'),
  'hexadecimal in capitals': (bytes) => `0x${bytes.toString('hex').toUpperCase()}`,
  'hexadecimal with colons': (bytes) => hexLines(bytes),
  'hexadecimal in an array': (bytes) => `{ ${bytes.toString('hex').replace(/../g, '0x$&, ')}}`,
  'hexadecimal escapes': (bytes) => bytes.toString('hex').replace(/../g, '\\x$&'),
  'octal escapes': (bytes) => Array.from(bytes, (byte) => `\\${byte.toString(8).padStart(3, '0')}`).join(''),
  'octal escapes of as few digits as possible': (bytes) =>
    Array.from(bytes, (byte) => `\\${byte.toString(8)}`).join(''),
  'hexadecimal escapes of as few digits as possible': (bytes) =>
    Array.from(bytes, (byte) => `\\x${byte.toString(16)}`).join(''),
  'hexadecimal numbers in capitals': (bytes) => bytes.toString('hex').toUpperCase().replace(/../g, '0X$&, '),
  'hexadecimal numbers of as few digits as possible': (bytes) =>
    Array.from(bytes, (byte) => `0x${byte.toString(16)}`).join(', '),
  'a dump of xxd': (bytes) =>
    dumpOf(
      bytes,
      (line, at) => `${at(8)}: ${line.toString('hex').replace(/.{4}/g, '$& ').padEnd(41)} ${shown(line)}`,
    ),
  'a dump of xxd by bytes': (bytes) =>
    dumpOf(bytes, (line, at) => `${at(8)}: ${spaced(line).padEnd(48)} ${shown(line)}`),
  'a dump of hexdump': (bytes) =>
    dumpOf(
      bytes,
      (line, at) =>
        `${at(8)}  ${spaced(line.subarray(0, 8)).padEnd(24)} ${spaced(line.subarray(8)).padEnd(24)} |${shown(line)}|`,
    ),
  'a dump of od in decimal': (bytes) =>
    dumpOf(bytes, (line) => Array.from(line, (byte) => String(byte).padStart(4)).join('')),
  'a dump of od in decimal with offsets': (bytes) =>
    dumpOf(bytes, (line, at) => at(7) + Array.from(line, (byte) => String(byte).padStart(4)).join('')),
  'numbers between spaces': (bytes) => Array.from(bytes).join(' '),
  'numbers between tabs': (bytes) => Array.from(bytes).join('\t'),
  'numbers in lines': (bytes) => Array.from(bytes).join('\n'),
  'numbers between semicolons': (bytes) => Array.from(bytes).join(';'),
  'numbers in JSON': (bytes) => JSON.stringify(bytes),
  'signed numbers': (bytes) => `{${Array.from(new Int8Array(bytes)).join(', ')}}`,
  ...Object.fromEntries(
    [':', '.', '|', '/', '_', '-', '+', ' = ', '\\', '\u00b7', '\u2192'].map((separator) => [
      `numbers between ${separator}`,
      (bytes) => Array.from(bytes).join(separator),
    ]),
  ),
  'signed numbers between colons': (bytes) => Array.from(new Int8Array(bytes)).join(':'),
  'numbers in quotes': (bytes) => `["${Array.from(bytes).join('","')}"]`,
  'numbers in elements': (bytes) => Array.from(bytes, (byte) => `<b>${byte}</b>`).join(''),
  'numbers in cells': (bytes) => Array.from(bytes, (byte) => `<tr>\n  <td>${byte}</td>\n</tr>`).join('\n'),
  'numbers with their types': (bytes) => `[${Array.from(bytes, (byte) => `${byte}u8`).join(', ')}]`,
  'hexadecimal numbers with their types': (bytes) => bytes.toString('hex').replace(/../g, '0x$&u8, '),
  'numbers with casts': (bytes) => Array.from(new Int8Array(bytes), (byte) => `(byte)${byte}`).join(', '),
  'hexadecimal numbers with casts': (bytes) => bytes.toString('hex').replace(/../g, '(byte)0x$&, '),
  'numbers with fractions': (bytes) => Array.from(bytes, (byte) => `${byte}.0`).join(', '),
  'numbers with their positions': (bytes) => JSON.stringify({ ...bytes }),
  'numbers in lines with their positions': (bytes) =>
    Array.from(bytes, (byte, i) => `key[${i}] = ${byte};`).join('\n'),
  'hexadecimal in elements': (bytes) => bytes.toString('hex').replace(/../g, '<b>$&</b>'),
  'a dump of od with characters': (bytes) =>
    dumpOf(bytes, (line, at) => `${at(6)} ${spaced(line).padEnd(48)} >${shown(line)}<`),
  'a dump of od with characters and without offsets': (bytes) =>
    dumpOf(bytes, (line) => ` ${spaced(line).padEnd(48)} >${shown(line)}<`),
  'a dump of od in decimal with characters': (bytes) =>
    dumpOf(
      bytes,
      (line, at) =>
        `${at(7)}${Array.from(line, (byte) => String(byte).padStart(4))
          .join('')
          .padEnd(64)}  >${shown(line)}<`,
    ),
  'percent-encoded bytes': (bytes) => bytes.toString('hex').replace(/../g, '%$&'),
  'a data URL': (bytes) => `data:application/octet-stream;base64,${bytes.toString('base64')}`,
  'a data URL, percent-encoded': (bytes) =>
    `data:application/pkcs8;base64,${encodeURIComponent(bytes.toString('base64'))}`,
  'escapes of JSON': (bytes) => bytes.toString('hex').replace(/../g, '\\u00$&'),
}

/** What a page, a mail, a program or a table may have around each line of a text. */
const lineWrappings = [
  ['\u2039', '\u203a'],
  ['\u00ab', '\u00bb'],
  ['\u201e', '\u201c'],
  ['"', '"'],
  ["'", "',"],
  ['  "', '\\n" +'],
  ['`', '`'],
  ['<', '>'],
  ['\uff1c', '\uff1e'],
  ['\u3008', '\u3009'],
  ['[', ']'],
  ['> ', ''],
  ['| ', ' |'],
  ['// ', ''],
  ['* ', ''],
  ['<code>', '</code>'],
] as const

const inLines = (start: string, end: string) => (text: string) =>
  text
    .split('\n')
    .map((line) => start + line + end)
    .join('\n')

/** What is done to a text to hide it in another. */
const ofTexts: Wrap<string> = {
  nothing: (text) => text,
  'a text around it': (text) => `# the key\n\n${text}\nand so on`,
  'a certificate before it': (text) => certificate.pem + text,
  'CR as line end': (text) => text.replaceAll('\n', '\r'),
  'characters without width': (text) =>
    text.replace(/[^\s-]{2}/g, '$&\u200b').replaceAll(' ', ' \u2060\u00ad'),
  'letters of full width': (text) =>
    text.replace(/[!-~]/g, (c) => String.fromCharCode(c.charCodeAt(0) + 0xfee0)),
  ...Object.fromEntries(
    lineWrappings.map(([start, end]) => [`lines between ${start} and ${end}`, inLines(start, end)]),
  ),
  'other dashes': (text) => text.replaceAll('-----', '\u2010\u2011\u2012\u2013\u2014'),
  'more space in labels': (text) => text.replaceAll(/PRIVATE KEY/g, 'PRIVATE \t KEY'),
  'no-break spaces': (text) => text.replaceAll(' ', '\u00a0'),
  'percent-encoding': (text) => encodeURIComponent(text).replaceAll('-', '%2D'),
  'percent-encoding of everything': (text) => Buffer.from(text).toString('hex').replace(/../g, '%$&'),
  'percent-encoding, three times': (text) => encodeURIComponent(encodeURIComponent(encodeURIComponent(text))),
  'decimal entities': (text) => text.replace(/[-"<]/g, (c) => `&#${c.charCodeAt(0)};`),
  'hexadecimal entities': (text) => text.replace(/./gs, (c) => `&#x${c.charCodeAt(0).toString(16)};`),
  'named entities': (text) =>
    text.replace(/[<>"&]/g, (c) => ({ '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? '&amp;'),
  JSON: (text) => JSON.stringify({ name: 'a', text }),
  'JSON in JSON': (text) => JSON.stringify({ text: JSON.stringify({ text }) }),
  'escapes of JSON': (text) => text.replace(/[A-Za-z]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`),
  'quoted-printable': (text) =>
    text
      .replace(/[=-]/g, (c) => `=${c.charCodeAt(0).toString(16).toUpperCase()}`)
      .replace(/.{70}/g, '$&=\r\n'),
  base64: (text) => Buffer.from(text).toString('base64'),
  'base64, twice': (text) => Buffer.from(Buffer.from(text).toString('base64')).toString('base64'),
  'base64, four times': (text) => [1, 2, 3, 4].reduce((inner) => Buffer.from(inner).toString('base64'), text),
  'base64 of UTF-16': (text) => Buffer.from(text, 'utf16le').toString('base64'),
  hexadecimal: (text) => Buffer.from(text).toString('hex'),
  'base64 of hexadecimal': (text) => Buffer.from(Buffer.from(text).toString('hex')).toString('base64'),
  'base64 in a data URL': (text) =>
    `data:application/x-pem-file;base64,${Buffer.from(text).toString('base64')}`,
  'base64 behind a certificate': (text) => certificate.pem + Buffer.from(text).toString('base64'),
  'base64 in JSON, percent-encoded': (text) =>
    encodeURIComponent(JSON.stringify({ data: Buffer.from(text).toString('base64') })),
}

export function* wrapped(
  inBytes: Readonly<Record<string, Buffer>>,
  inTexts: Readonly<Record<string, string>>,
): Generator<[name: string, text: string]> {
  for (const [kind, bytes] of Object.entries(inBytes))
    for (const [way, wrap] of Object.entries(ofBytes)) {
      const text = wrap(bytes)
      yield [`${kind} as ${way}`, text]
      if (/^[\0-~]*$/.test(text)) yield [`${kind} as ${way}, in base64`, Buffer.from(text).toString('base64')]
    }
  for (const [kind, text] of Object.entries(inTexts))
    for (const [way, wrap] of Object.entries(ofTexts)) yield [`${kind} with ${way}`, wrap(text)]
}
