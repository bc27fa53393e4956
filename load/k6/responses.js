import { Counter, Rate } from 'k6/metrics'

/** Responses by what they are: `ok`, `refused` beyond a limit, or `failed`. */
const responses = new Counter('responses')
/** The share of requests without a right response. */
const failed = new Rate('failed')
/** Requests without any response within the timeout. */
const hung = new Counter('hung')

const timedOut = 1050
let isShown = false

/**
 * Counts a response, and returns whether it is one of those that were expected. Beyond its limits a system refuses a request by 503 or 429
 * with Retry-After, which is no failure.
 */
export function answered(response, ...expected) {
  const kind = kindOf(response, expected)
  responses.add(1, kind === 'refused' ? { kind, code: String(response.status) } : { kind })
  failed.add(kind === 'failed')
  hung.add(response.error_code === timedOut ? 1 : 0)
  if (kind === 'failed' && !isShown) show(response, expected)
  return kind === 'ok'
}

function kindOf({ status, headers }, expected) {
  if (expected.includes(status)) return 'ok'
  return (status === 503 || status === 429) && headers['Retry-After'] !== undefined ? 'refused' : 'failed'
}

/** The first one of a virtual user. */
function show({ request, status, error, body }, expected) {
  isShown = true
  const outcome = status === 0 ? error : `${status} ${String(body).slice(0, 200)}`
  // biome-ignore lint/suspicious/noConsole: k6 has no other output.
  console.error(`${request.method} ${request.url}: ${outcome}, expected ${expected.join(' or ')}`)
}
