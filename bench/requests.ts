/** One request of a load; the generator sends the requests of a list in turn, over and over. */
export type Request = { method: 'GET' | 'POST' | 'PATCH'; path: string; body?: string }

export function get(path: string): Request {
  return { method: 'GET', path }
}

export function post(path: string, value: unknown): Request {
  return { method: 'POST', path, body: JSON.stringify(value) }
}

/** Sends one request and throws unless the answer is 2xx. */
export async function send(url: string, { method, path, body }: Request): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url + path, body === undefined ? { method } : { method, headers, body })
  const answer = await response.text()
  if (!response.ok)
    throw new Error(`${method} ${path} was answered ${response.status}: ${answer.slice(0, 200)}`)
}

/** Sends each of them once, so many at a time. */
export async function sendAll(url: string, requests: readonly Request[], inFlightMax = 32): Promise<void> {
  const waiting = requests.toReversed()
  const sendOn = async () => {
    for (let next = waiting.pop(); next; next = waiting.pop()) await send(url, next)
  }
  await Promise.all(Array.from({ length: inFlightMax }, sendOn))
}
