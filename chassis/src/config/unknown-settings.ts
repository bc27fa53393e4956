import type { Settings } from './settings.ts'

/**
 * A sentence for each setting that is not known although it looks like one: its name starts with one of the prefixes and an
 * underscore, or differs from a known name by a letter or two. Such a name would otherwise be ignored in silence.
 * `protective` are those that promise protection, such as `AUTH` or `TLS_CERT_FILE`; a program must not start without it.
 */
export function unknownSettings(
  known: readonly string[],
  settings: Settings,
  prefixes: readonly string[],
): { readonly protective: string[]; readonly others: string[] } {
  const unknown = [...settings.keys()].filter((name) => !known.includes(name))
  const isProtective = (name: string) => promisesProtection(name, prefixes)
  const looksKnown = (name: string) =>
    prefixes.some((prefix) => name.startsWith(`${prefix}_`)) ||
    (name.length >= shortestMisspelled && editDistance(name, nearestOf(name, known)) <= 2)
  return {
    protective: unknown
      .filter(isProtective)
      .map((name) => `${name} is not a setting of this version, and what it asks for would be missing.`),
    others: unknown
      .filter((name) => !isProtective(name) && looksKnown(name))
      .map((name) => `${name} is not a setting${suggestion(name, known)}`),
  }
}

const shortestMisspelled = 6
const protection =
  /^(?:API_?KEYS?|ALLOW(?:ED|LIST)?|AUTH(?:ENTICATION|ORIZATION)?|CORS|CSRF|DENY(?:LIST)?|HTTPS|JWKS?|JWT|MTLS|OAUTH2?|OIDC|RATE_?LIMITS?|SSL|TLS|TRUST(?:ED)?)(?:_|$)/
/** OpenSSL's, for certificates of others. */
const protectionOfOthers = new Set(['SSL_CERT_FILE', 'SSL_CERT_DIR'])

function promisesProtection(name: string, prefixes: readonly string[]): boolean {
  const prefix = prefixes.find((one) => name.startsWith(`${one}_`))
  const rest = prefix === undefined ? name : name.slice(prefix.length + 1)
  return protection.test(rest) && !protectionOfOthers.has(name)
}

/** With more than a third of its letters wrong, it is another name rather than a typo. */
function suggestion(name: string, known: readonly string[]): string {
  const nearest = nearestOf(name, known)
  return nearest !== '' && editDistance(name, nearest) <= name.length / 3 ? `; did you mean ${nearest}?` : '.'
}

/** '' where nothing is known. */
function nearestOf(name: string, known: readonly string[]): string {
  const [nearest] = known
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .sort((one, other) => one.distance - other.distance)
  return nearest?.candidate ?? ''
}

/** The Levenshtein distance, one row of its table at a time. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (const letter of from) {
    const next = [(row[0] ?? 0) + 1]
    for (let column = 1; column <= to.length; column++) {
      const [above = 0, left = 0, diagonal = 0] = [row[column], next[column - 1], row[column - 1]]
      next.push(Math.min(above + 1, left + 1, diagonal + (letter === to[column - 1] ? 0 : 1)))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
