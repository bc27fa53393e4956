/**
 * What every response has, names and values in turn: browsers are not to guess another type than that of the response (Fetch
 * Standard, 3.6), to state no referrer behind a link, and to load and frame nothing. A page states a policy of its own.
 */
export const securityFields: readonly string[] = [
  ...['x-content-type-options', 'nosniff'],
  ...['referrer-policy', 'no-referrer'],
  ...['content-security-policy', "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"],
]
