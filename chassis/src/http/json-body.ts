import { isUtf8 } from 'node:buffer'
import { AppError } from '../errors/index.ts'
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
    if (!isUtf8(body)) done(new AppError('malformed', 'The body is not well-formed UTF-8.'))
    else if (parseJson === undefined) parseByDefault(request, body.toString(), done)
    else done(...parseWith(parseJson, body.toString()))
  })
}

function parseWith(parse: (text: string) => unknown, text: string): [Error | null, unknown?] {
  try {
    return [null, parse(text)]
  } catch (error) {
    return [error instanceof Error ? error : new Error(String(error))]
  }
}
