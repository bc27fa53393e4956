import { Type } from 'typebox'
import { Format } from 'typebox/format'
import type { TString } from 'typebox'

/** The URL of an HTTP server, or an empty text. It must match `pattern`, and parse as a URL, whose port for example is at most 65535. */
export function httpUrl(options: {
  default: string
  pattern: string
  expected: string
  description: string
}): TString {
  return Type.String({ ...options, format: 'http-url' })
}

Format.Set('http-url', (text) => text === '' || URL.canParse(text))
