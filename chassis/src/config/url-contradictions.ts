/**
 * Parts of a URL that are valid by themselves and contradict each other. Each driver has a rule of its own for which of them counts, and
 * that may be the one without encryption.
 */
export type Contradiction = { readonly expected: string; readonly isIn: (parts: UrlParts) => boolean }

type UrlParts = {
  readonly scheme: string
  /** What is named before the path. */
  readonly named: {
    readonly host: boolean
    readonly port: boolean
    readonly user: boolean
    readonly password: boolean
  }
  readonly given: URLSearchParams
}

const hasAny = (given: URLSearchParams, names: readonly string[]) => names.some((name) => given.has(name))
const isLikeLibpq = (given: URLSearchParams) => given.get('uselibpqcompat') === 'true'

export const postgresContradictions: readonly Contradiction[] = [
  {
    expected: 'a URL that turns TLS off or says how it is used, but not both',
    isIn: ({ given }) =>
      (given.get('sslmode') === 'disable' || given.get('ssl') === '0') &&
      (['true', '1', 'no-verify'].includes(given.get('ssl') ?? '') ||
        !['disable', null].includes(given.get('sslmode')) ||
        given.get('sslnegotiation') === 'direct' ||
        hasAny(given, ['sslcert', 'sslkey', 'sslrootcert'])),
  },
  {
    expected: 'a URL whose parameters "ssl" and "sslmode" agree whether the certificate is verified',
    isIn: ({ given }) =>
      given.has('ssl') &&
      given.has('sslmode') &&
      (given.get('ssl') === 'no-verify') !== (given.get('sslmode') === 'no-verify'),
  },
  {
    expected: 'a URL without "uselibpqcompat" where "sslmode" is no-verify, which libpq does not have',
    isIn: ({ given }) => isLikeLibpq(given) && given.get('sslmode') === 'no-verify',
  },
  {
    expected: 'a URL with "sslrootcert" where "sslmode" is verify-ca and "uselibpqcompat" true',
    isIn: ({ given }) =>
      isLikeLibpq(given) && given.get('sslmode') === 'verify-ca' && !given.has('sslrootcert'),
  },
  ...(['host', 'port', 'user', 'password'] as const).map(
    (name): Contradiction => ({
      expected: `a URL that has its ${name} once, not also as the parameter "${name}"`,
      isIn: ({ given, named }) => named[name] && given.has(name),
    }),
  ),
]

export const mongodbContradictions: readonly Contradiction[] = [
  {
    expected: 'a URL that turns TLS off or says how it is used, but not both',
    isIn({ given }) {
      const values = [given.get('tls'), given.get('ssl')]
      const files = ['tlsCAFile', 'tlsCertificateKeyFile', 'tlsCRLFile']
      return values.includes('false') && (values.includes('true') || hasAny(given, files))
    },
  },
]

export const dynamodbContradictions: readonly Contradiction[] = [
  {
    expected: 'a URL with a host where it has tls=false, since AWS is reached by TLS only',
    isIn: ({ given, named }) => given.get('tls') === 'false' && !named.host,
  },
]

export const kafkaContradictions: readonly Contradiction[] = [
  {
    expected: 'a URL with a user and a password, which its parameter "sasl" is about',
    isIn: ({ given, named }) => given.has('sasl') && !named.user,
  },
  {
    expected: 'a URL that turns TLS on, which its parameter "ca" is about',
    isIn: ({ given, scheme }) => given.has('ca') && scheme === 'kafka:' && given.get('tls') !== 'true',
  },
  {
    expected: 'a URL of the scheme kafka: where it has tls=false',
    isIn: ({ given, scheme }) => given.get('tls') === 'false' && scheme === 'kafkas:',
  },
]
