/**
 * A text, or a line of JSON, without the passwords and tokens of the URLs in it, which messages of drivers and clients repeat: what
 * stands before an @, but for the name of a user with a password, and the values of parameters whose names promise a secret. A line of
 * JSON stays one, since each string of it is examined by itself.
 */
export function withoutSecrets(text: string): string {
  if (!text.includes('://')) return text
  return isJsonObject(text)
    ? text.replace(/"(?:[^"\\]|\\.)*"?/g, withoutSecretsOfString)
    : text.replace(/\S+/g, withoutSecretsOfUrl)
}

function isJsonObject(text: string): boolean {
  if (!text.startsWith('{')) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function withoutSecretsOfString(string: string): string {
  return string.includes('://')
    ? JSON.stringify(String(JSON.parse(string)).replace(/\S+/g, withoutSecretsOfUrl))
    : string
}

/** A password may have any character but white space, also quotation marks, so a URL is taken to end at white space only. */
function withoutSecretsOfUrl(word: string): string {
  const start = word.indexOf('://') + '://'.length
  if (start < '://'.length) return word
  const at = word.lastIndexOf('@')
  const colon = word.indexOf(':', start)
  const kept = colon >= 0 && colon < at ? colon + 1 : start
  // The @ may be in the value of a parameter, or the parameter in a password.
  const isAmbiguous =
    at > start &&
    word
      .slice(start, at)
      .split(/(?=[?&;#])/)
      .some(isSecret)
  if (isAmbiguous) return `${word.slice(0, kept)}[redacted]`
  const redacted = at > start ? `${word.slice(0, kept)}[redacted]${word.slice(at)}` : word
  const mark = redacted.endsWith('"') ? '"' : ''
  const unquoted = redacted.slice(0, redacted.length - mark.length)
  return unquoted.split('&').map(withoutSecretValues).join('&') + mark
}

/** Behind a secret value nothing else is kept, since its end is not certain. */
function withoutSecretValues(parameters: string): string {
  const parts = parameters.split(/(?=[?;#])/)
  const first = parts.findIndex(isSecret)
  if (first < 0) return parameters
  const names = parts.filter(isSecret).map((part) => `${part.slice(0, part.indexOf('='))}=[redacted]`)
  return parts.slice(0, first).concat(names).join('')
}

function isSecret(part: string): boolean {
  const end = part.indexOf('=')
  return end > 0 && secretName.test(part.slice(0, end))
}

const secretName = /pass|pwd|secret|token|key|sig|auth|credential/i
