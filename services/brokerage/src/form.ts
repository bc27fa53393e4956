import { isUtf8 } from 'node:buffer'
import { AppError, invalid } from '@quintet/chassis/errors'
import { shortened } from '@quintet/chassis/http'

export const formType = 'application/x-www-form-urlencoded'

/**
 * Parses `application/x-www-form-urlencoded` strictly: malformed encoding is an error instead of being replaced, and so is a
 * repeated field. Some programs send JSON under this type if they are not given another.
 */
export function parseForm(bytes: Buffer): Readonly<Record<string, string>> {
  if (!isUtf8(bytes)) throw new AppError('malformed', 'The body is not well-formed UTF-8.')
  const text = bytes.toString()
  if (/^\s*[{[]/.test(text))
    throw new AppError(
      'malformed',
      'The body begins like JSON, but is declared as a form; send JSON with Content-Type: application/json.',
    )
  const fields = new Map<string, string>()
  const pairs = text.split('&').filter((one) => one !== '')
  if (pairs.length > fieldsMax) throw invalid({ body: `The body has more than ${fieldsMax} fields.` })
  for (const pair of pairs) {
    const at = pair.includes('=') ? pair.indexOf('=') : pair.length
    const name = decode(pair.slice(0, at), pair.slice(0, at))
    if (fields.has(name)) throw invalid({ [shortened(name)]: `${shortened(name)} must be given once.` })
    fields.set(name, decode(pair.slice(at + 1), name))
  }
  return Object.fromEntries(fields)
}

/** Far more than any form has; a body may have so many that decoding them takes long. */
const fieldsMax = 1_000

/** Whether a body of this type is a form; the response then is an envelope. */
export function isForm(contentType: string | undefined): boolean {
  return contentType?.split(';', 1)[0]?.trim().toLowerCase() === formType
}

/** The text of a field, or of its name. */
function decode(text: string, field: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw invalid({ [shortened(field)]: `${shortened(field)} must be percent-encoded UTF-8.` })
  }
}
