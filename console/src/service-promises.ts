import { Check } from 'typebox/schema'
import type { ObservedService } from './parts.ts'
import type { Send } from './send.ts'
import { PromiseList } from './wire/index.ts'
import type { PromiseCheck } from './wire/index.ts'

/** A check has 5 s. */
const timeoutMs = 7_000

/** What a service has found about its promises, or finds now about the one of this id; the reason where that cannot be read. */
export async function fetchPromises(
  service: Pick<ObservedService, 'name' | 'send' | 'readinessUrl' | 'promises' | 'control'>,
  id?: string,
): Promise<readonly PromiseCheck[] | string> {
  const { name, send, readinessUrl, promises, control } = service
  const state = control?.state() ?? 'up'
  if (state !== 'up' && state !== 'not ready') return `The service is ${state}.`
  const own = promises?.()
  if (own !== undefined)
    return id === undefined ? own.states() : [await own.check(id)].filter((one) => one !== undefined)
  // The listener for operations has those of all services of the process.
  const url = new URL('promises', readinessUrl())
  url.searchParams.set('service', name)
  if (id !== undefined) url.searchParams.set('check', id)
  return request(url, send, id)
}

async function request(
  url: URL,
  send: Send,
  id: string | undefined,
): Promise<readonly PromiseCheck[] | string> {
  try {
    const response = await send(url, {
      headers: { accept: 'application/json' },
      signal: AbortSignal.timeout(timeoutMs),
    })
    const body: unknown = await response.json()
    if (response.status === 200 && Check(PromiseList, body)) return body.data
    // It has no such promise.
    if (response.status === 400 && id !== undefined) return []
    return `It responds with ${response.status} at ${url.origin}${url.pathname}.`
  } catch {
    return `It does not respond at ${url.origin}${url.pathname}.`
  }
}
