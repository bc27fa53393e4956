import { Type } from 'typebox'
import { Format } from 'typebox/format'
import type { TString } from 'typebox'

/** The URL of an engine: the scheme, given with its colon, selects the adapter, which knows the parameters. */
export function embeddableUrl(options: {
  default: string
  schemes: readonly string[]
  description: string
}): TString {
  const { schemes, ...annotations } = options
  const pattern = `^(?:${schemes.map(RegExp.escape).join('|')})`
  return Type.String({
    ...annotations,
    pattern,
    format: 'engine-url',
    expected: `a URL that starts with ${schemes.join(' or ')}`,
    expectedForm:
      'a whole URL, such as sqlite:data/file.db or engine://user:password@host:1234/name, with %40 and the like for special characters of the password',
  })
}

Format.Set('engine-url', isEngineUrl)

const host = /^(?:\[[\da-fA-F:.]+\]|[\w.%-]+)(?::\d{1,5})?$/

/**
 * Whether the adapter of the scheme can make something of the text: a file for `sqlite:`, and for a server hosts and ports,
 * unless a path or parameters say where it is.
 */
function isEngineUrl(text: string): boolean {
  const scheme = text.slice(0, text.indexOf(':') + 1)
  const rest = text.slice(scheme.length)
  if (scheme === 'sqlite:') return /[^/]$/.test(rest)
  if (scheme === 'memory:' || scheme === 'none:') return true
  const [, authority = '', place = ''] = /^\/\/([^/?#]*)(.*)$/s.exec(rest) ?? []
  const at = authority.lastIndexOf('@')
  const hosts = authority.slice(at + 1)
  if (hosts === '' ? place.length < 2 : !hosts.split(',').every((one) => host.test(one))) return false
  return isDecodable(authority)
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}
