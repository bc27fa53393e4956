import { editDistance } from './edit-distance.ts'
import { fileSettingOf } from './setting-files.ts'
import type { Settings } from './settings.ts'

/**
 * A sentence for each unknown name that looks like a setting: it starts with one of the prefixes and an underscore, names a file for a
 * setting that cannot be given by one, or differs from a known name by a letter or two. Such a name would otherwise be ignored silently.
 * `protective` are those that suggest protection, such as `AUTH` or `TLS_CERT_FILE`; a program must not start without that. Names in
 * `.env` are meant for this program; those in the environment may be another program's. `isForAll` is whether `known` has all settings
 * that may be in `.env`.
 */
export function unknownSettings(
  known: readonly string[],
  settings: Settings,
  prefixes: readonly string[],
  { isForAll = false } = {},
): { readonly protective: string[]; readonly others: string[] } {
  const unknown = [...settings.keys()].filter((name) => !known.includes(name))
  const isProtective = (name: string) =>
    promisesProtection(name, settings.get(name)?.source === '.env', prefixes)
  const looksKnown = (name: string) =>
    !(namesOfOthers.has(name) && settings.get(name)?.source === 'environment') &&
    ((isForAll && settings.get(name)?.source === '.env') ||
      prefixes.some((prefix) => name.startsWith(`${prefix}_`)) ||
      known.some((one) => name === fileSettingOf(one)) ||
      (name.length >= shortestMisspelled && known.some((one) => areSimilar(name, one))))
  const placeOf = (name: string) =>
    settings.get(name)?.source === '.env'
      ? ' from .env'
      : ` from the environment, for example by env -u ${name}`
  return {
    protective: unknown
      .filter(isProtective)
      .map((name) => `${name} is not a setting, so it would protect nothing. Remove it${placeOf(name)}.`),
    others: unknown
      .filter((name) => !isProtective(name) && looksKnown(name))
      .map((name) => `${name} is not a setting${suggestion(name, known)}`),
  }
}

const shortestMisspelled = 6
/** Variables of OpenSSL, and so of many programs, whose names are similar to `TLS_CERT_FILE`. */
const namesOfOthers = new Set(['SSL_CERT_FILE', 'SSL_CERT_DIR'])
const protection =
  /^(?:API_?KEYS?|ALLOW(?:ED|LIST)?|AUDIT|AUTH(?:ENTICATION|ORIZATION)?|BASIC_AUTH|CORS|CSRF|DENY(?:LIST)?|HTTPS|IP_(?:ALLOW|DENY)_?LIST|JWKS?|JWT|MTLS|OAUTH2?|OIDC|RATE_?LIMITS?|REQUIRE_AUTH|SSL|TLS|TRUST(?:ED)?)(?:_|$)/i
/** The environment has variables of other programs too, such as HTTPS_PROXY, SSL_CERT_FILE, API_KEY, JWT_SECRET or AUTH_TOKEN. */
const protectionOnly =
  /^(?:(?:API_KEYS|AUDIT_LOG|AUDIT_REQUIRED|AUTH(?!_(?:SECRET|SOCK|TOKEN)$)(?:ENTICATION|ORIZATION)?|BASIC_AUTH|CORS|IP_(?:ALLOW|DENY)_?LIST|JWKS?|MTLS|OIDC|RATE_?LIMITS?|REQUIRE_AUTH|TLS)(?:_|$)|(?:ALLOWED_IPS|HTTPS|JWT|SSL_(?:CERT|KEY))$)/i

function promisesProtection(name: string, isOurs: boolean, prefixes: readonly string[]): boolean {
  const prefix = prefixes.find((one) => name.startsWith(`${one}_`))
  // The prefix may be what suggests it, as that of AUTH_MODE.
  if (prefix !== undefined && protection.test(name.slice(prefix.length + 1))) return true
  return (isOurs ? protection : protectionOnly).test(name)
}

/** Whether a letter or two differ, whatever their case. Most names are excluded without counting, which a start would feel. */
function areSimilar(name: string, other: string): boolean {
  const upper = name.toUpperCase()
  return (
    Math.abs(upper.length - other.length) <= 2 &&
    haveCommonPart(upper, other) &&
    editDistance(upper, other) <= 2
  )
}

/** Whether the other has a fifth of the name as it is: each of two typos changes at most two of them, when it exchanges letters. */
function haveCommonPart(name: string, other: string): boolean {
  const starts = [0, 1, 2, 3, 4].map((part) => Math.floor((part * name.length) / 5))
  return starts.some((start, part) => other.includes(name.slice(start, starts[part + 1])))
}

/**
 * A setting that was probably meant: one that all services share, without the service before it; one whose name is longer or
 * shorter by words; or one that differs by typos alone, which are at most a third of the letters after the words in common.
 */
function suggestion(name: string, known: readonly string[]): string {
  const upper = name.toUpperCase()
  const shared = known.find((one) => upper.endsWith(`_${one}`))
  const longer = known.filter((one) => one.startsWith(`${upper}_`) || upper.startsWith(`${one}_`))
  const [nearest] = known
    .map((candidate) => ({ candidate, ...differenceOf(upper, candidate) }))
    .filter(({ distance, length }) => distance <= length / 3)
    .sort((one, other) => one.distance - other.distance)
  const meant = shared ?? nearest?.candidate ?? (longer.length === 1 ? longer[0] : undefined)
  return meant === undefined ? '.' : `; did you mean ${meant}?`
}

/** How many typos are in what follows the words in common, and how long that is. */
function differenceOf(name: string, other: string): { distance: number; length: number } {
  let start = 0
  for (let index = 0; name[index] !== undefined && name[index] === other[index]; index++)
    if (name[index] === '_') start = index + 1
  return { distance: editDistance(name.slice(start), other.slice(start)), length: name.length - start }
}
