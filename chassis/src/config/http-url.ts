import { Type } from 'typebox'
import { Format } from 'typebox/format'
import type { TString } from 'typebox'

/**
 * The URL of an HTTP server, or an empty text. It must match `pattern`, and parse as a URL, whose port for example is at most 65535. A
 * secret path, such as a webhook has, is redacted with all that follows it.
 */
export function httpUrl(options: {
  default: string
  pattern: string
  expected: string
  description: string
  hasSecretPath?: boolean
}): TString {
  return Type.String({ ...options, format: 'http-url' })
}

Format.Set('http-url', (text) => text === '' || URL.canParse(text))
