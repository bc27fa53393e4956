/** The text is not in the format of Prometheus. */
export class MalformedMetrics extends Error {}

/**
 * Reads a text in the format of Prometheus or of OpenMetrics, and gives each sample whose name is wanted: its series as it is written
 * there, and its value. The time that it takes grows with the length of the text alone.
 */
export function readSamples(
  text: string,
  isWanted: (name: string) => boolean,
  take: (series: string, value: number) => void,
): void {
  for (let start = 0, number = 1; start < text.length; number += 1) {
    const newline = text.indexOf('\n', start)
    const end = newline === -1 ? text.length : newline
    if (end > start && text.charCodeAt(start) !== hash) readLine(text, { start, end, number }, isWanted, take)
    start = end + 1
  }
}

/** The name and the labels of a series. */
export function parseSeries(series: string): {
  readonly name: string
  readonly labels: ReadonlyMap<string, string>
} {
  const nameEnd = endOfName(series, 0, series.length)
  const labels = new Map<string, string>()
  let at = nameEnd + 1
  while (at < series.length && series.charCodeAt(at) !== closingBrace) {
    const labelEnd = endOfName(series, at, series.length)
    if (labelEnd === at || !series.startsWith('="', labelEnd)) throw malformed(series)
    const valueEnd = endOfQuoted(series, labelEnd + 1, series.length)
    if (valueEnd === undefined) throw malformed(series)
    labels.set(series.slice(at, labelEnd), unescaped(series.slice(labelEnd + 2, valueEnd - 1)))
    at = series.charCodeAt(valueEnd) === comma ? valueEnd + 1 : valueEnd
  }
  return { name: series.slice(0, nameEnd), labels }
}

/** The text of a series, with its labels in this order; one without a value is left out, which is the same to Prometheus. */
export function seriesText(name: string, labels: readonly (readonly [string, string])[]): string {
  const texts = labels
    .filter(([, value]) => value !== '')
    .map(
      ([label, value]) =>
        `${label}="${value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')}"`,
    )
  return texts.length === 0 ? name : `${name}{${texts.join(',')}}`
}

/** The bound of a bucket, which the two formats write in different ways. */
export function boundOf(text: string): number {
  return text === '+Inf' ? Number.POSITIVE_INFINITY : Number(text)
}

export function boundText(bound: number): string {
  return bound === Number.POSITIVE_INFINITY ? '+Inf' : String(bound)
}

type Line = { readonly start: number; readonly end: number; readonly number: number }

function readLine(
  text: string,
  { start, end, number }: Line,
  isWanted: (name: string) => boolean,
  take: (series: string, value: number) => void,
): void {
  const nameEnd = endOfName(text, start, end)
  if (nameEnd === start) throw malformedLine(number)
  if (!isWanted(text.slice(start, nameEnd))) return
  const seriesEnd = text.charCodeAt(nameEnd) === openingBrace ? endOfLabels(text, nameEnd, end) : nameEnd
  if (seriesEnd === undefined) throw malformedLine(number)
  const valueStart = skipBlanks(text, seriesEnd, end)
  // What follows it, such as a time or an exemplar, is not needed.
  const value = numberOf(text.slice(valueStart, endOfToken(text, valueStart, end)))
  if (value === undefined) throw malformedLine(number)
  take(text.slice(start, seriesEnd), value)
}

function endOfLabels(text: string, start: number, end: number): number | undefined {
  for (let at = start + 1; at < end; ) {
    const code = text.charCodeAt(at)
    if (code === closingBrace) return at + 1
    const next = code === quote ? endOfQuoted(text, at, end) : at + 1
    if (next === undefined) return undefined
    at = next
  }
  return undefined
}

/** The end of a text in quotation marks that begins here; undefined where it does not end. */
function endOfQuoted(text: string, start: number, end: number): number | undefined {
  for (let at = start + 1; at < end; at += 1) {
    const code = text.charCodeAt(at)
    if (code === quote) return at + 1
    if (code === backslash) at += 1
  }
  return undefined
}

function endOfName(text: string, start: number, end: number): number {
  let at = start
  while (at < end && isOfName(text.charCodeAt(at), at === start)) at += 1
  return at
}

function isOfName(code: number, isFirst: boolean): boolean {
  const isLetter = (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95 || code === 58
  return isLetter || (!isFirst && code >= 48 && code <= 57)
}

function skipBlanks(text: string, start: number, end: number): number {
  let at = start
  while (at < end && isBlank(text.charCodeAt(at))) at += 1
  return at
}

function endOfToken(text: string, start: number, end: number): number {
  let at = start
  while (at < end && !isBlank(text.charCodeAt(at))) at += 1
  return at
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9
}

function numberOf(token: string): number | undefined {
  if (token.length > numberLengthMax) return undefined
  if (decimal.test(token)) return Number(token)
  return special.get(token.toLowerCase())
}

const numberLengthMax = 64
const decimal = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i
const special = new Map([
  ['nan', Number.NaN],
  ['inf', Number.POSITIVE_INFINITY],
  ['+inf', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
])

function unescaped(text: string): string {
  if (!text.includes('\\')) return text
  return text.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped))
}

function malformedLine(number: number): MalformedMetrics {
  return new MalformedMetrics(`Line ${number} is not in the text format of metrics.`)
}

function malformed(series: string): MalformedMetrics {
  return new MalformedMetrics(`${series.slice(0, 100)} is not a series of the text format of metrics.`)
}

const hash = 35
const quote = 34
const backslash = 92
const comma = 44
const openingBrace = 123
const closingBrace = 125
