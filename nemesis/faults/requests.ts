import { setTimeout as pause } from 'node:timers/promises'
import type { Operation } from './operation.ts'

/** A client that waits longer than this has given up. */
const timeoutMs = 8_000
const pollMs = 20

type Answer = { readonly body: string; readonly location: string }

/** An operation by HTTP, which has succeeded with any response but 429 and those of 500 and above. */
export function request(url: string, method = 'GET', body?: unknown): Operation {
  return () => send(url, { method, ...(body !== undefined && { body }) })
}

/** Resolves once what was accepted with a location has ended as `isDone` says of its representation there. */
export function requestAndWait(
  url: string,
  { body, at, isDone }: { body: unknown; at: (location: string) => string; isDone: RegExp },
): Operation {
  return async () => {
    const { location } = await send(url, { method: 'POST', body, headers: { prefer: 'respond-async' } })
    const giveUpAt = performance.now() + timeoutMs
    while (performance.now() < giveUpAt) {
      const { body: found } = await send(at(location), {}).catch(() => ({ body: '' }))
      if (isDone.test(found)) return
      await pause(pollMs)
    }
    throw new Error(`${location} did not end.`)
  }
}

/** Creates something, and returns its path. */
export async function create(url: string, body: unknown): Promise<string> {
  return (await send(url, { method: 'POST', body })).location
}

async function send(
  url: string,
  {
    method = 'GET',
    body,
    headers = {},
  }: { method?: string; body?: unknown; headers?: Record<string, string> },
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(timeoutMs),
  })
  const text = await response.text()
  if (response.status >= 500 || response.status === 429)
    throw new Error(`${method} ${url} got ${response.status}: ${text}`)
  return { body: text, location: response.headers.get('location') ?? '' }
}
