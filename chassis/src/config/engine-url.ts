import { Type } from 'typebox'
import { Format } from 'typebox/format'
import type { TString } from 'typebox'
import { engines, memory } from './engines.ts'
import type { Engine, EngineParameters, Parameter } from './engines.ts'

/** By which the URL of an engine is recognized. */
export const engineUrlFormat = 'engine-url'

/** The URL of an engine: the scheme, given with its colon, selects the adapter, and `engines` has what the rest may be. */
export function engineUrl(options: {
  default: string
  schemes: readonly string[]
  description: string
  /** The only parameter that `memory:` has here, if not all. */
  memoryParameter?: string
}): TString {
  const { schemes, memoryParameter, ...annotations } = options
  const start = `^(?:${schemes.map(RegExp.escape).join('|')})`
  const isLimited = memoryParameter !== undefined
  return Type.String({
    ...annotations,
    pattern: isLimited ? `${start}(?!\\?(?!${memoryParameter}=[^&]*$))` : start,
    format: engineUrlFormat,
    expected: `a URL that starts with ${schemes.join(' or ')}${isLimited ? `, where memory: has only the parameter ${memoryParameter}` : ''}`,
    expectedForm: (text: string) => expectationsOf(text).join(' and '),
  })
}

Format.Set(engineUrlFormat, (text) => expectationsOf(text).length === 0)

const wholeUrl =
  'a whole URL, such as sqlite:data/file.db or engine://user:password@host:1234/name, with %40 and the like for special characters of the password'
const bothOrNeither = 'a URL with a user and a password, as in engine://user:password@host, or with neither'
const fileOnly = 'the name of a file after sqlite:, without parameters'

/** What is expected of the URL and not met, without its secrets; empty for a valid URL, and for a scheme that is not in `engines`. */
function expectationsOf(text: string): string[] {
  const scheme = text.slice(0, text.indexOf(':') + 1)
  const rest = text.slice(scheme.length)
  if (scheme === 'sqlite:') return /^[^?]*[^/?]$/.test(rest) ? [] : [rest.includes('?') ? fileOnly : wholeUrl]
  if (scheme === 'memory:')
    return /^(?:\?|$)/.test(rest)
      ? expectationsOfParameters(scheme, memory, rest.slice(1))
      : ['memory: and only parameters after it']
  if (scheme === 'none:') return rest === '' ? [] : ['none: and nothing after it']
  const engine = engines.get(scheme)
  if (engine === undefined) return []
  const [, authority = '', path = '', query] = /^\/\/([^/?#]*)(\/[^?#]*)?(?:\?([^#@]*))?$/.exec(rest) ?? []
  const at = authority.lastIndexOf('@')
  const hosts = authority.slice(at + 1)
  if ((hosts === '' && path.length + (query ?? '').length < 2) || !isDecodable(authority + path))
    return [wholeUrl]
  const userInfo = authority.slice(0, Math.max(0, at))
  const named = {
    host: hosts !== '',
    port: /:\d+$/.test(hosts),
    user: userInfo !== '',
    password: userInfo.includes(':'),
  }
  const parts = { scheme, named, given: new URLSearchParams(query) }
  return [
    ...expectationsOfHosts(engine, hosts),
    ...(at < 0 || !engine.needsPassword || /^[^:@]+:[^@]+$/.test(authority.slice(0, at))
      ? []
      : [bothOrNeither]),
    ...(engine.path === undefined || engine.path.pattern.test(path) ? [] : [engine.path.expected]),
    ...expectationsOfParameters(scheme, engine, query),
    ...(engine.contradictions ?? []).filter(({ isIn }) => isIn(parts)).map(({ expected }) => expected),
  ]
}

const host = /^(?:\[[\da-fA-F:.]+\]|[\w.%-]+)(?::(?<port>\d{1,5}))?$/

function expectationsOfHosts(engine: Engine, hosts: string): string[] {
  if (hosts === '') return engine.hosts === 'optional' ? [] : [wholeUrl]
  const all = hosts.split(',')
  if (all.length > 1 && engine.hosts !== 'several') return ['a URL with one host']
  const found = all.map((one) => host.exec(one))
  if (found.includes(null)) return [wholeUrl]
  const ports = found.flatMap((one) => (one?.groups?.port === undefined ? [] : [Number(one.groups.port)]))
  return ports.every((port) => port >= 1 && port <= 65_535) ? [] : ['a URL with a port from 1 to 65535']
}

function expectationsOfParameters(
  scheme: string,
  { parameters, required = [], tls }: EngineParameters,
  query = '',
): string[] {
  const given = new URLSearchParams(query)
  const names = Object.keys(parameters)
  const aboutTls = tls === undefined ? '' : `; for TLS use ${tls}`
  const known = names.length === 0 ? 'no parameters' : `only the parameters ${names.join(', ')}`
  return [
    ...required.filter((name) => !given.has(name)).map((name) => `a URL with the parameter "${name}"`),
    ...[...new Set(given.keys())].flatMap((name) => {
      const parameter = Object.hasOwn(parameters, name) ? parameters[name] : undefined
      if (parameter !== undefined) return expectationOfValues(name, parameter, given.getAll(name))
      return [`a URL without the parameter ${shown(name)} (${scheme} has ${known}${aboutTls})`]
    }),
  ]
}

function expectationOfValues(name: string, { expected, accepts }: Parameter, values: string[]): string[] {
  if (values.length > 1) return [`a URL with the parameter "${name}" once`]
  return values.every(accepts) ? [] : [`a URL whose parameter "${name}" is ${expected}`]
}

/** What stands after a question mark may be the rest of a password, so only what can be a name is shown. */
function shown(name: string): string {
  return /^[\w.-]{1,40}$/.test(name) ? `"${name}"` : 'that is no name'
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}
