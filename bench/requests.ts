/** One request of a load; the generator repeats a list of them in order. */
export type Request = { method: 'GET' | 'POST' | 'PATCH'; path: string; body?: string }

/** A request of a row was answered with a status that is not 2xx. */
export class UnexpectedStatusError extends Error {
  readonly status: number

  constructor({ method, path }: Request, status: number, body: string) {
    super(`${method} ${path} returned ${status}: ${body.slice(0, 200)}`)
    this.status = status
  }
}

export function get(path: string): Request {
  return { method: 'GET', path }
}

export function post(path: string, value: unknown): Request {
  return { method: 'POST', path, body: JSON.stringify(value) }
}

/** Sends one request and throws unless the status is 2xx. */
export async function send(url: string, request: Request): Promise<void> {
  const { method, path, body } = request
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url + path, body === undefined ? { method } : { method, headers, body })
  const text = await response.text()
  if (!response.ok) throw new UnexpectedStatusError(request, response.status, text)
}

/** Sends each request once, with at most `inFlightMax` in flight. */
export async function sendAll(url: string, requests: readonly Request[], inFlightMax = 32): Promise<void> {
  const remaining = requests.toReversed()
  const sendRemaining = async () => {
    for (let next = remaining.pop(); next; next = remaining.pop()) await send(url, next)
  }
  await Promise.all(Array.from({ length: inFlightMax }, sendRemaining))
}
