import { isUtf8 } from 'node:buffer'
import { AppError, invalid } from '../errors/index.ts'
import type { App, AppOptions } from './app-options.ts'

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
    const excess = excessOf(body)
    if (excess !== undefined) done(invalid({ body: `The body ${excess}.` }))
    else if (!isUtf8(body)) done(new AppError('malformed', 'The body is not well-formed UTF-8.'))
    else if (parseJson === undefined) parseByDefault(request, body.toString(), done)
    else done(...parseWith(parseJson, body.toString()))
  })
}

/** More than any request needs. To parse and check a value takes far longer than to receive its bytes. */
const valuesMax = 10_000
/** Of arrays and objects in one another. */
const depthMax = 64

/**
 * What there is too much of, by the characters outside texts: commas are between members or elements. It need not be JSON, which is
 * found out afterwards.
 */
function excessOf(body: Buffer): string | undefined {
  if (body.length <= depthMax) return undefined
  let values = 1
  let depth = 0
  let isInText = false
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at]
    if (byte === quote) isInText = !isInText
    else if (byte === backslash) at += 1
    else if (isInText) continue
    else if (byte === comma) values += 1
    else if (byte === bracket || byte === brace) depth += 1
    else if (byte === closingBracket || byte === closingBrace) depth -= 1
    if (depth > depthMax) return `is nested more than ${depthMax} levels deep`
    if (values > valuesMax) return `has more than ${valuesMax} members and elements`
  }
  return undefined
}

const [quote, backslash, comma, bracket, brace, closingBracket, closingBrace] = Buffer.from('"\\,[{]}')

function parseWith(parse: (text: string) => unknown, text: string): [Error | null, unknown?] {
  try {
    return [null, parse(text)]
  } catch (error) {
    return [error instanceof Error ? error : new Error(String(error))]
  }
}
