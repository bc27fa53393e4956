import { isUtf8 } from 'node:buffer'
import { AppError } from '@quintet/chassis/errors'

export const formType = 'application/x-www-form-urlencoded'

/**
 * Parses `application/x-www-form-urlencoded` strictly: malformed encoding is an error instead of being replaced, and so is a
 * repeated field.
 */
export function parseForm(bytes: Buffer): Readonly<Record<string, string>> {
  if (!isUtf8(bytes)) throw new AppError('malformed', 'The body is not well-formed UTF-8.')
  const fields = new Map<string, string>()
  const pairs = bytes.toString().split('&')
  for (const pair of pairs.filter((text) => text !== '')) {
    const at = pair.includes('=') ? pair.indexOf('=') : pair.length
    const name = decode(pair.slice(0, at))
    if (fields.has(name)) throw new AppError('malformed', 'The body has the same field twice.')
    fields.set(name, decode(pair.slice(at + 1)))
  }
  return Object.fromEntries(fields)
}

/** Whether a body of this type is a form; the response then is an envelope. */
export function isForm(contentType: string | undefined): boolean {
  return contentType?.split(';', 1)[0]?.trim().toLowerCase() === formType
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw new AppError('malformed', 'The body has malformed percent-encoding.')
  }
}
