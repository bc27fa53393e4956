import type { Random } from './random.ts'

type GeneratedResponse = { readonly method: string; readonly parts: readonly Buffer[] }

/**
 * Generates a response, valid or nearly so: all that parsers of HTTP are known to disagree on is probable, and a valid response
 * is as well, so that each flaw also comes alone.
 */
export function generateResponse(random: Random): GeneratedResponse {
  const method = random.one(['GET', 'GET', 'GET', 'GET', 'POST', 'HEAD'])
  const flaws = random.one([0, 0, 0.02, 0.1])
  const writer = createResponseWriter(random, flaws)
  let text = writer.interimResponses() + writer.response()
  for (let edits = random.one([0, 0, 0, 0, 0, 1, 1, 2]); edits > 0; edits -= 1) text = edited(text, random)
  return { method, parts: split(Buffer.from(text, 'latin1'), random) }
}

/** Writes the parts of a response, each with a flaw in this share of the cases. */
function createResponseWriter(random: Random, flaws: number) {
  const pick = (valid: readonly [string, ...string[]], flawed: readonly [string, ...string[]]) =>
    random.one(random.chance(flaws) ? flawed : valid)
  const lineEnd = () => pick(['\r\n'], ['\n', '\r', '\r\r\n', '\n\r', ' \r\n', '\0\r\n'])

  function response(): string {
    const status = random.one(statuses)
    const isBare = bareStatuses.includes(status) && !random.chance(flaws)
    const body = isBare ? '' : random.one(bodies)
    const framing = isBare ? bareFraming(status) : random.one(framings)
    const fields = shuffled([...framingFields(framing, body), ...otherFields()], random)
    const head = statusLine(status) + fields.join('')
    return head + lineEnd() + (framing === 'chunked' ? chunked(body) : body) + excess()
  }

  function statusLine(status: string): string {
    const version = pick([random.chance(0.1) ? 'HTTP/1.0' : 'HTTP/1.1'], flawedVersions)
    const code = pick([status], ['20', '2000', '099', '600', '999', '+20', '2 0', '0xC8', ''])
    const space = pick([' '], ['', '  ', '\t'])
    return `${version}${space}${code}${pick([' OK', ' ', ' Not \xe9'], ['', '  OK', '\tOK', ' O\0K', ' O\rK', ' O\x7fK'])}${lineEnd()}`
  }

  function framingFields(framing: string, body: string): string[] {
    const fields: string[] = []
    const length = pick([String(body.length)], flawedLengths(body.length))
    if (framing === 'length' || (framing === 'both' && random.chance(flaws)))
      fields.push(field(pick(['Content-Length'], lengthNames), length))
    if (framing === 'chunked' || framing === 'both')
      fields.push(field(pick(['Transfer-Encoding'], codingNames), pick(['chunked'], flawedCodings)))
    if (random.chance(flaws)) fields.push(random.one([...fields, field('Content-Length', '3')] as [string]))
    return fields
  }

  function otherFields(): string[] {
    const fields: string[] = []
    if (random.chance(0.3)) fields.push(field('Connection', pick(connections, flawedConnections)))
    if (random.chance(0.1)) fields.push(field('Keep-Alive', random.one(keepAlives)))
    if (random.chance(0.5))
      fields.push(field(pick(['X-A', 'x-b', 'Set-Cookie', 'Trailer'], flawedNames), value()))
    if (random.chance(0.2)) fields.push(field('X-A', value()))
    if (random.chance(flaws)) fields.push(random.one(flawedLines))
    return fields
  }

  const value = () =>
    pick(
      ['1', '', 'a, b', '"q"', '\xe9\xff', 'a\tb', 'close'],
      ['a\0b', 'a\rb', 'a\nb', 'a\x7fb', '\x0bb', 'a\x85'],
    )

  function field(name: string, text: string): string {
    const colon = pick(
      [': ', ': ', ': ', ': ', ': ', ': ', ':', ':\t', ':  '],
      [' : ', '\t:', '', ' ', '::', ':\0', ':\r\n ', ':\x0b'],
    )
    return `${name}${colon}${text}${pick(['', '', '', '', '', '', '', '', ' ', '  ', '\t', ' \t'], ['\x0b', '\0', '\xa0', '\r'])}${lineEnd()}`
  }

  function chunked(body: string): string {
    let coded = ''
    for (let at = 0; at < body.length; ) {
      const size = 1 + random.below(body.length - at)
      coded +=
        chunkSize(size) +
        lineEnd() +
        body.slice(at, at + size) +
        pick(['\r\n'], ['', '\n', '\r', 'x\r\n', '\r\n\r\n'])
      at += size
    }
    const trailers = random.chance(0.2)
      ? field(pick(['X-T'], ['Content-Length', 'Transfer-Encoding', 'X T', '']), value())
      : ''
    return coded + pick(['0', '00', '0;a'], ['', '-0', '0x0', '0 ', ' 0']) + lineEnd() + trailers + lineEnd()
  }

  function chunkSize(size: number): string {
    const digits = pick(
      [size.toString(16), size.toString(16).toUpperCase(), `00${size.toString(16)}`],
      flawedSizes(size),
    )
    return digits + (random.chance(0.15) ? pick([';a', ';a=b', ';a="b;c"', ';a;b=1'], flawedExtensions) : '')
  }

  /** Bytes after the end. */
  const excess = () => (random.chance(flaws) ? random.one(excesses) : '')

  return {
    response,
    interimResponses(): string {
      if (!random.chance(0.08)) return ''
      const status = pick(['100', '102', '103', '199'], ['101'])
      const fields = random.chance(0.5)
        ? field(pick(['Link'], ['Content-Length', 'Transfer-Encoding', 'Connection']), value())
        : ''
      return (statusLine(status) + fields + lineEnd()).repeat(random.one([1, 1, 2, 11]))
    },
  }
}

function shuffled(items: string[], random: Random): string[] {
  return items.sort(() => random.below(3) - 1)
}

/** Deletes, repeats, replaces or inserts one byte. */
function edited(text: string, random: Random): string {
  const at = random.below(text.length)
  const byte = random.one([...specialBytes] as [string])
  const kept = text.slice(at + 1)
  const edit = random.one(['delete', 'repeat', 'replace', 'insert', 'cut'] as const)
  if (edit === 'cut') return text.slice(0, at)
  if (edit === 'delete') return text.slice(0, at) + kept
  if (edit === 'repeat') return text.slice(0, at + 1) + text.slice(at)
  return text.slice(0, at) + byte + (edit === 'replace' ? kept : text.slice(at))
}

/** In one piece, in a few, or byte by byte. */
function split(bytes: Buffer, random: Random): Buffer[] {
  const sizeMax = random.one([bytes.length, bytes.length, 40, 40, 10, 1])
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + (sizeMax === bytes.length ? sizeMax : 1 + random.below(sizeMax))
    parts.push(bytes.subarray(at, end))
    at = end
  }
  return parts
}

const specialBytes = '\r\n\t \0\x0b\x7f\x85\xa0\xff:;,="0129afxX+-()_'

const bodies: readonly [string, ...string[]] = [
  '',
  'hello',
  'a',
  '0\r\n\r\n',
  '\r\n',
  'HTTP/1.1 200 OK\r\n\r\n',
  '\xff\0'.repeat(20),
  'x'.repeat(300),
]

const statuses: readonly [string, ...string[]] = [
  '200',
  '200',
  '200',
  '200',
  '201',
  '302',
  '404',
  '500',
  '599',
  '204',
  '205',
  '304',
]

const bareStatuses = ['204', '205', '304']

const framings = ['length', 'length', 'length', 'chunked', 'chunked', 'chunked', 'none', 'both'] as const

/** How a response without content is framed. */
const bareFraming = (status: string) => (status === '205' ? 'length' : 'none')

const excesses = ['x', '\r\n', '\n', '\0', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'] as const
const flawedVersions: readonly [string, ...string[]] = [
  'HTTP/1.2',
  'HTTP/2.0',
  'HTTP/0.9',
  'http/1.1',
  'HTTP/1',
  'HTTP/11',
  'HTTP/1.10',
  'HTTP/ 1.1',
  ' HTTP/1.1',
  '\r\nHTTP/1.1',
  'ICY',
  '',
]

const lengthNames: readonly [string, ...string[]] = [
  'content-length',
  'Content_Length',
  'Content-Length\0',
  'Content Length',
  '\x0bContent-Length',
  'Content-Lengt',
  'Content-Length-',
]

const codingNames: readonly [string, ...string[]] = [
  'transfer-encoding',
  'Transfer_Encoding',
  'Transfer-Encoding\0',
  'Transfer Encoding',
  ' Transfer-Encoding',
  'Transfer-Encodin',
]

const flawedCodings: readonly [string, ...string[]] = [
  'Chunked',
  'CHUNKED',
  'xchunked',
  'chunkedx',
  'chunked, chunked',
  'gzip, chunked',
  'chunked, gzip',
  'identity',
  'identity, chunked',
  'gzip',
  '',
  '"chunked"',
  'chunked;q=1',
  'chunked,',
  ',chunked',
  '\x0bchunked',
  'chun\r\n ked',
  'cow',
]

const connections: readonly [string, ...string[]] = [
  'close',
  'keep-alive',
  'Close',
  'x-a',
  'keep-alive, x-a',
  'x-a,close',
  'upgrade',
]

const flawedConnections: readonly [string, ...string[]] = [
  'close, keep-alive',
  'keep-alive, close',
  'closed',
  'close;q=1',
  ' close',
  'close ,',
  '\x0bclose',
  '"close"',
  'close close',
  'cl\r\n ose',
  '',
  ',',
  'x-close',
]

const keepAlives: readonly [string, ...string[]] = [
  'timeout=5',
  'timeout=5, max=100',
  'timeout=1',
  'timeout=0',
  'max=1, timeout=1',
  'x',
]

const flawedNames: readonly [string, ...string[]] = [
  '',
  'X A',
  'X\0',
  'X\x7f',
  'X\xe9',
  'X(',
  'X"',
  'X\r',
  'X\n',
  '\x0bX',
  'X@',
  'X/',
  'X=',
  'X[',
]

const flawedLines: readonly [string, ...string[]] = [
  ' folded\r\n',
  '\tfolded\r\n',
  'nonsense\r\n',
  ':\r\n',
  ': 1\r\n',
  'X-A\r\n: 1\r\n',
  '\0\r\n',
  'X-A: 1\r\n\t\r\n',
]

const flawedExtensions: readonly [string, ...string[]] = [
  ';',
  ' ;a',
  '; a',
  ';a ',
  ';a=',
  ';=b',
  ';a="b',
  ';a=b"',
  ';a\0',
  ';a\r',
  ';a\n',
  ';a=\x7f',
  ';a b',
  ';a=b=c',
  ',a',
  ' ',
  ';"a"',
  ';a="\\"',
  ';a="\r\n"',
]

function flawedLengths(length: number): readonly [string, ...string[]] {
  return [
    String(length + 1),
    String(Math.max(0, length - 1)),
    `+${length}`,
    `-${length}`,
    `0${length}`,
    `0x${length.toString(16)}`,
    `${length}.0`,
    `${length}, ${length}`,
    `${length},`,
    `,${length}`,
    `${length} ${length}`,
    `${length}e0`,
    `${length}_0`,
    `"${length}"`,
    '',
    '9'.repeat(15),
    '9'.repeat(16),
    '18446744073709551616',
    `18446744073709551${length + 616}`,
    `${length}\x0b`,
    `${length}\r\n ${length}`,
    `${length};`,
  ]
}

function flawedSizes(size: number): readonly [string, ...string[]] {
  const hex = size.toString(16)
  return [
    `+${hex}`,
    `-${hex}`,
    `0x${hex}`,
    ` ${hex}`,
    `${hex} `,
    `\t${hex}`,
    `${hex}\t`,
    '',
    `${hex}g`,
    `${hex}.0`,
    `0000000000000000${hex}`,
    `1000000000000000${hex}`,
    'ffffffff',
    'fffffffff',
    (size + 1).toString(16),
    `${hex}_`,
    `\x0b${hex}`,
    `${hex}\0`,
  ]
}
