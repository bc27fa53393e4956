import { elementAt, integer, objectId, sequence } from './ber.ts'
import { kinds } from './character-kinds.ts'

/**
 * Whether there is a private key in a text, well-formed or not: what marks it and its value, since the marks alone are in texts about
 * keys too. The text is in ASCII, and `has` is the kinds of its characters.
 */
export function holdsKeyText(text: string, has: number): boolean {
  if (!(has & (kinds.hyphen | kinds.valueMark | kinds.escape))) return false
  if (!words.test(text)) return false
  if (holdsKey(text)) return true
  return text.includes('<') && (holdsXml(text.replace(attributes, '$1>')) || holdsKey(text.replace(tags, '')))
}

function holdsKey(text: string): boolean {
  return matchesAll(keyTexts, text) || holdsBlock(text) || holdsJsonWebKey(text)
}

/** Whether all patterns of a row match. */
function matchesAll(rows: readonly (readonly RegExp[])[], text: string): boolean {
  return rows.some((patterns) => patterns.every((pattern) => pattern.test(text)))
}

/** Every such text has one of these, and few other texts do. */
const words = /priv|proc-type|kty|crv|modulus|keyvalue/i

const keyTexts: readonly (readonly RegExp[])[] = [
  // Of PuTTY
  [/Private-Lines:[ \t]{0,8}\d{1,4}[^A-Za-z\d\r\n]{0,16}[\r\n][^A-Za-z\d]{0,64}[A-Za-z\d+/]{4}/i],
  // Of BIND
  [/Private-key-format:\s?v\d/i, /\b(?:Private(?:Key|Exponent|_value\(x\))|Key):\s{0,8}[A-Za-z\d+/]{22}/i],
  // As OpenSSL prints keys
  [/\bpriv(?:ate)?[ _-]?(?:exponent|key)?:[^\da-z]{0,32}(?:[\da-f]{2}[^\da-z]{1,32}){16}/i],
]

/** Only private keys are encrypted as in RFC 1421, 4.6.1. */
const label = /PRIVATE[\s_-]{0,8}KEY|Proc-Type:\s{0,8}4\s?,\s{0,8}ENCRYPTED/gi

/** How many characters before `PRIVATE` belong to a label: hyphens, spaces, `BEGIN` and up to 64 others. */
const labelStartMax = 4 + 8 + 5 + 64

/** Whether a label begins in what is before `PRIVATE KEY`, with two hyphens in the same line, or with four. */
function isLabelStart(before: string): boolean {
  const end = before.lastIndexOf('-') + 1
  const begin = before.slice(end)
  if (!/^\s{0,8}BEGIN/i.test(begin)) return false
  return before.endsWith('----', end) || (before.endsWith('--', end) && !/[\r\n]/.test(begin))
}

/** The header fields and the first lines of a block. */
const labelledMax = 400

/** Whether a label of a private key is followed by one, whole or cut off. */
function holdsBlock(text: string): boolean {
  return text.matchAll(label).some(({ 0: match, index }) => {
    const isField = match.includes(':')
    if (!isField && !isLabelStart(text.slice(Math.max(0, index - labelStartMax), index))) return false
    const content = text.slice(index + match.length, index + match.length + labelledMax)
    const [own = ''] = content.split(nextLabel, 1)
    return hasKeyLine(content) || (own.match(base64Run) ?? []).some(isKeyStart)
  })
}

const nextLabel = /--[ \t]{0,8}(?:BEGIN|END)/i

/**
 * Whether a line of base64 is behind a label: any before the next line of hyphens, or a long one if the text is cut off before that
 * and the label is at the end of a line.
 */
function hasKeyLine(content: string): boolean {
  const [rest = '', ...others] = content.split(/[\r\n]+/)
  const end = others.findIndex((line) => line.includes('--'))
  const lines = end < 0 ? others : others.slice(0, end)
  return (
    (rest.includes('-') && end >= 0 && lines.some(isBase64)) ||
    (!/[a-z\d]/i.test(rest.replace(/^\s{0,8}BLOCK/i, '')) && lines.some(isLongBase64))
  )
}

function isBase64(line: string): boolean {
  return base64Of(line).length >= 4
}

/** In both cases: a path or a word is mostly in one. */
function isLongBase64(line: string): boolean {
  const digits = base64Of(line)
  return digits.length >= base64Min && isMixedCase(digits)
}

/** The base64 in a line that has nothing else but signs; else an empty text. */
function base64Of(line: string): string {
  const runs = line.match(/[A-Za-z\d+/]+/g) ?? []
  const [digits = '', ...others] = runs.filter((run) => /[A-Za-z\d]/.test(run))
  return others.length === 0 ? digits : ''
}

const base64Min = 24
const base64Run = /[A-Za-z\d+/]{24,}/g

/** The first line of a key in DER is found without a digit too: it may be cut off before the first one. */
function isKeyStart(digits: string): boolean {
  return isMixed(digits) || isDerStart(Buffer.from(digits.slice(0, base64Min), 'base64'))
}

/** A sequence whose first element is a version or, as of an encrypted key, an algorithm. */
function isDerStart(bytes: Buffer): boolean {
  const outer = elementAt(bytes, 0)
  const first = outer?.tag === sequence ? elementAt(bytes, outer.start) : undefined
  if (first?.tag === integer) return first.end - first.start === 1
  return first?.tag === sequence && elementAt(bytes, first.start)?.tag === objectId
}

/** Unlike words and paths, base64 of more than a few bytes hardly ever lacks one of these. */
function isMixed(digits: string): boolean {
  return /\d/.test(digits) && isMixedCase(digits)
}

function isMixedCase(digits: string): boolean {
  return /[A-Z]/.test(digits) && /[a-z]/.test(digits)
}

const webKey = /\b(?:kty|crv)["']?\s{0,8}[:=]/i
const symmetricKey = /\bkty["']?\s{0,8}[:=]\s{0,8}["']?oct\b/i
const webKeyMember = /(?<![\w+/-])([dkpq]|d[pq]|qi|priv)["']?\s{0,8}[:=]\s{0,8}["']?([\w+/-]{22,})/gi

/** Whether there is a private or symmetric JSON Web Key (RFC 7518, 6), also in another notation than JSON. */
function holdsJsonWebKey(text: string): boolean {
  if (!webKey.test(text)) return false
  const isSymmetric = symmetricKey.test(text)
  // There `k=2D` may be two characters of any value; it is searched when it is decoded.
  const isQuoted = isQuotedPrintable(text)
  return text.matchAll(webKeyMember).some(({ 0: member, 1: name, 2: value = '' }) => {
    if (isQuoted && member.includes('=')) return false
    if (name?.toLowerCase() === 'k') return isMixed(value) || (isSymmetric && isMixedCase(value))
    return value.length >= privateDigitsMin && isMixedCase(value)
  })
}

/** Whether each equals sign is that of a byte or of a soft line break (RFC 2045, 6.7), and there is one of these. */
function isQuotedPrintable(text: string): boolean {
  return /=\r?\n/.test(text) && !/=(?![\dA-F]{2}|\r?\n)/.test(text)
}

/** Of 32 bytes, as the private values of the shortest keys have. */
const privateDigitsMin = 43

const attributes = /(<[\w.:-]{1,64})\s[^<>]{0,200}>/g
const tags = /<[^<>]{0,200}>/g

/** RSAKeyValue with private members, as .NET writes it; DSAKeyValue with its X (XML Signature, 6.4). */
const xmlKeys: readonly (readonly RegExp[])[] = [
  [
    /RSAKeyValue|<(?:[\w.-]{1,32}:)?modulus>/i,
    /<(?:[\w.-]{1,32}:)?(?:[dpq]|d[pq]|inverseq)>\s{0,64}[A-Za-z\d+/]{22}/i,
  ],
  [/DSAKeyValue/i, /<(?:[\w.-]{1,32}:)?x>\s{0,64}[A-Za-z\d+/]{8}/i],
]

function holdsXml(text: string): boolean {
  return matchesAll(xmlKeys, text)
}
