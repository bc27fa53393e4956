/**
 * The text without the passwords and tokens of the URLs in it, which messages of drivers and clients repeat: what stands before an @, but
 * for the name of a user with a password, and the values of parameters whose names promise a secret. A line of JSON stays one.
 */
export function withoutSecrets(text: string): string {
  return text.includes('://') ? text.replace(/[^\s"\\]+/g, withoutSecretsOfUrl) : text
}

function withoutSecretsOfUrl(word: string): string {
  const start = word.indexOf('://') + '://'.length
  if (start < '://'.length) return word
  const at = word.lastIndexOf('@')
  const colon = word.indexOf(':', start)
  const kept = colon >= 0 && colon < at ? colon + 1 : start
  const redacted = at > start ? `${word.slice(0, kept)}[redacted]${word.slice(at)}` : word
  return redacted
    .split(/(?=[?&;#])/)
    .map(withoutSecretValue)
    .join('')
}

function withoutSecretValue(part: string): string {
  const end = part.indexOf('=')
  return end > 0 && secretName.test(part.slice(0, end)) ? `${part.slice(0, end)}=[redacted]` : part
}

const secretName = /pass|pwd|secret|token|key|sig|auth|credential/i
