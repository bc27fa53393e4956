import { engines, memory } from './engines.ts'

/**
 * The text of a setting. If it is a URL, its passwords and tokens are redacted: what stands before an @, except for the user name of an
 * engine, and the values of all parameters that are not known to be harmless. Of a malformed URL, whose fault may be in its password,
 * more may be redacted.
 */
export function withoutSecretsOfSetting(text: string): string {
  const scheme = /^\s*([a-z][a-z\d+.-]*:)/i.exec(text)?.[1]?.toLowerCase() ?? ''
  const end = wellFormedStart.exec(text)?.[0].length ?? 0
  const [start, rest] = [text.slice(0, end), text.slice(end)]
  return end > 0 && !isRestOfPassword(rest, scheme)
    ? withoutUserInfo(start, scheme) + withoutValues(rest, scheme)
    : withoutValues(withoutUserInfo(text, scheme), scheme)
}

/** The scheme, host and port of the URL of a setting, of which the rest is redacted; nothing of a text that is none. */
export function withoutPathOfSetting(text: string): string {
  const [origin = ''] = originStart.exec(text) ?? []
  const rest = text.slice(origin.length)
  if (rest === '' || rest === '/') return text
  return origin === '' || rest.includes('@') ? '[redacted]' : `${origin}/[redacted]`
}

const originStart = /^[a-z][a-z\d+.-]*:\/\/(?:\[[\da-f:.]+\]|[^\s/\\?#@:[\]]+)(?::\d{1,5})?(?=[/?#]|$)/i

/** Whether the URL of an engine may have a password with what looks like a port, a path and parameters, since it has none of these. */
function isRestOfPassword(rest: string, scheme: string): boolean {
  const [, name = ''] = /^[?#]([^=]*)=/.exec(rest) ?? []
  return rest.includes('@') && !isWeb.test(scheme) && !Object.hasOwn(parametersOf(scheme), name)
}

const isWeb = /^https?:$/

/** All before the parameters, where these follow hosts and a path that need no closer look. */
const wellFormedStart =
  /^\s*[a-z][a-z\d+.-]*:\/\/(?:[^/?#@]*@)?(?:\[[\da-f:.]+\]|[^/?#@:,[\]]*)(?::\d{1,5})?(?:,[^/?#@:,[\]]*(?::\d{1,5})?)*(?:\/[^?#@]*)?(?=[?#][^=@]*=)/i

function withoutUserInfo(text: string, scheme: string): string {
  const separator = text.indexOf('://')
  const start = separator < 0 ? 0 : separator + '://'.length
  const colon = text.indexOf(':', start)
  const at = text.lastIndexOf('@')
  if (colon >= 0 && colon < at) return `${text.slice(0, colon)}:[redacted]${text.slice(at)}`
  const isToken = at >= start && isWeb.test(scheme)
  return isToken ? `${text.slice(0, start)}[redacted]${text.slice(at)}` : text
}

function withoutValues(text: string, scheme: string): string {
  const parameters = parametersOf(scheme)
  return text.replace(/([?&;#])([^=&;#?]*)=[^&;#]*/g, (part: string, mark: string, name: string) =>
    Object.hasOwn(parameters, name) && !secretName.test(name) ? part : `${mark}${name}=[redacted]`,
  )
}

function parametersOf(scheme: string): object {
  return (scheme === 'memory:' ? memory : engines.get(scheme))?.parameters ?? {}
}

const secretName = /password|properties/i
