import { randomUUID } from 'node:crypto'

/** One request of a load; the generator sends the requests of a list in turn, over and over. */
export type Request = { method: 'GET' | 'POST' | 'PATCH'; path: string; body?: string }

const guidCount = 1_000
const seedsInFlightMax = 32
// As long as the answer of the floor, and never in the past.
const record = { user: 'user-1', expire: '9999999999' }

const guids = Array.from({ length: guidCount }, () => randomUUID().replaceAll('-', '').toUpperCase())

export const reads: Request[] = guids.map((guid) => ({ method: 'GET', path: `/guid/${guid}` }))

/** The service chooses a random GUID for each of these, so no two of them ever meet. */
export const creations: Request[] = guids.map((_, n) => post('/guid', { user: `user-${n}` }))

/** Every GUID twice, with another user the second time, so that each request changes its row. */
export const changes: Request[] = ['user-2', 'user-3'].flatMap((user) =>
  guids.map((guid): Request => ({ method: 'PATCH', path: `/guid/${guid}`, body: JSON.stringify({ user }) })),
)

/** Registers the GUIDs that `reads` and `changes` ask for. */
export async function seed(url: string): Promise<void> {
  const waiting = guids.map((guid) => post(`/guid/${guid}`, record))
  await Promise.all(Array.from({ length: seedsInFlightMax }, () => sendAll(url, waiting)))
}

/** Sends one request and throws unless the answer is 2xx. */
export async function send(url: string, { method, path, body }: Request): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url + path, body === undefined ? { method } : { method, headers, body })
  const answer = await response.text()
  if (!response.ok)
    throw new Error(`${method} ${path} was answered ${response.status}: ${answer.slice(0, 200)}`)
}

async function sendAll(url: string, waiting: Request[]): Promise<void> {
  for (let next = waiting.pop(); next; next = waiting.pop()) await send(url, next)
}

function post(path: string, value: unknown): Request {
  return { method: 'POST', path, body: JSON.stringify(value) }
}
