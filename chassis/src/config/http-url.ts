import { Type } from 'typebox'
import { Format } from 'typebox/format'
import type { TString } from 'typebox'

/** The URL of a server of HTTP, or none: what `pattern` accepts, as far as it is a URL, whose port for example is 65535 at most. */
export function httpUrl(options: {
  default: string
  pattern: string
  expected: string
  description: string
}): TString {
  return Type.String({ ...options, format: 'http-url' })
}

Format.Set('http-url', (text) => text === '' || URL.canParse(text))
