import { isUtf8 } from 'node:buffer'
import { AppError, invalid } from '../errors/index.ts'
import { duplicateMember, parseExactJson, toNumber } from '../json/index.ts'
import type { App, AppOptions } from './app-options.ts'
import { shortened, titleOfField } from './faults.ts'

/**
 * Accepts bodies as `application/json` only, in UTF-8. That of a DELETE has no meaning (RFC 9110, 9.3.5), and is not read: many clients
 * declare every request as JSON, including a DELETE without a body.
 */
export function acceptJsonOnly(app: App, parseJson: AppOptions['parseJson']): void {
  // Members such as `__proto__` are members like any other, which the schemas refuse by name.
  const parseByDefault = app.getDefaultJsonParser('ignore', 'ignore')
  app.removeContentTypeParser('text/plain')
  app.addHttpMethod('DELETE', { hasBody: false, overrideExisting: true })
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    const { excess, members } = measure(body)
    if (excess !== undefined) return done(invalid({ body: `The body ${excess}.` }))
    if (!isUtf8(body)) return done(new AppError('malformed', 'The body is not well-formed UTF-8.'))
    const text = body.toString()
    const finish = (error: Error | null, value?: unknown) =>
      done(error ?? refuseDuplicate(duplicateMember(text, value, members)), value)
    const parse = parseJson ?? (mayHaveFraction.test(text) ? parseNumbers : undefined)
    if (parse === undefined) parseByDefault(request, text, finish)
    else finish(...parseWith(parse, text))
  })
}

/** Only a number with a fraction or an exponent may seem to be whole and is not. To look at each number takes much longer. */
const mayHaveFraction = /(?:^|[:,[])\s*-?\d+[.eE]/
const parseNumbers = (text: string) => parseExactJson(text, toNumber)

function refuseDuplicate(name: string | undefined): AppError | null {
  if (name === undefined) return null
  const field = shortened(name)
  return invalid({ [field]: `${titleOfField(field, 'body')} must be given once.` })
}

/** More than any request needs. To parse and check a value takes far longer than to receive its bytes. */
const valuesMax = 10_000
/** Of arrays and objects in one another. */
const depthMax = 64

/**
 * What there is too much of, and the number of members, by the characters outside strings: commas are between members or elements, and
 * colons after names. It need not be JSON, which is found out afterwards.
 */
function measure(body: Buffer): { excess?: string; members: number } {
  let values = 1
  let members = 0
  let depth = 0
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at]
    if (byte === quote) at = stringEnd(body, at + 1)
    else if (byte === backslash) at += 1
    else if (byte === comma) values += 1
    else if (byte === colon) members += 1
    else if (byte === bracket || byte === brace) depth += 1
    else if (byte === closingBracket || byte === closingBrace) depth -= 1
    if (depth > depthMax) return { excess: `is nested more than ${depthMax} levels deep`, members }
    if (values > valuesMax) return { excess: `has more than ${valuesMax} members and elements`, members }
  }
  return { members }
}

/** Where the quote is that ends a string; behind the last byte if none does. */
function stringEnd(body: Buffer, start: number): number {
  const near = Math.min(start + shortMax, body.length)
  let at = start
  while (at < near) {
    const byte = body[at]
    if (byte === quote) return at
    at += byte === backslash ? 2 : 1
  }
  for (let end = body.indexOf(quote, at); end >= 0; end = body.indexOf(quote, end + 1)) {
    let escapes = end
    while (escapes > at && body[escapes - 1] === backslash) escapes -= 1
    if ((end - escapes) % 2 === 0) return end
  }
  return body.length
}

/** To begin a search takes as long as to read so many bytes. */
const shortMax = 64

const [quote = 0, backslash, comma, bracket, brace, closingBracket, closingBrace, colon] =
  Buffer.from('"\\,[{]}:')

function parseWith(parse: (text: string) => unknown, text: string): [Error | null, unknown?] {
  try {
    return [null, parse(text)]
  } catch (error) {
    return [error instanceof Error ? error : new Error(String(error))]
  }
}
