import { isUtf8 } from 'node:buffer'
import { AppError } from '@quintet/chassis/errors'

export const formType = 'application/x-www-form-urlencoded'

/**
 * Parses `application/x-www-form-urlencoded` by the book: what is not well encoded is refused rather than replaced, and so is a
 * field that is there twice.
 */
export function parseForm(bytes: Buffer): Readonly<Record<string, string>> {
  if (!isUtf8(bytes)) throw new AppError('malformed', 'The body is not well-formed UTF-8.')
  const fields = new Map<string, string>()
  for (const pair of bytes
    .toString()
    .split('&')
    .filter((one) => one !== '')) {
    const at = pair.includes('=') ? pair.indexOf('=') : pair.length
    const name = decode(pair.slice(0, at))
    if (fields.has(name)) throw new AppError('malformed', 'The body has a field twice.')
    fields.set(name, decode(pair.slice(at + 1)))
  }
  return Object.fromEntries(fields)
}

/** Whether a request is in the form dialect, which its answer then is too. */
export function isForm(contentType: string | undefined): boolean {
  return contentType?.split(';', 1)[0]?.trim().toLowerCase() === formType
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw new AppError('malformed', 'The body is not well encoded.')
  }
}
