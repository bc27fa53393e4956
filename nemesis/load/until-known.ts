import { setTimeout as pause } from 'node:timers/promises'
import { certaintyOf } from './http-client.ts'
import type { HttpClient, Reply, Request } from './http-client.ts'

const pauseMs = 100
const retriesMax = 4
const finalMs = 60_000

/**
 * Sends a request that may be repeated until its outcome is known, a few times at the most. The last response stands for all of
 * them, unless it is no outcome and an earlier one may have had an effect.
 */
export async function sendRepeatedly(http: HttpClient, request: Request): Promise<Reply> {
  let isUnknown = false
  for (let tries = 0; tries <= retriesMax; tries++) {
    if (tries > 0) await pause(pauseMs)
    const reply = await http.send(request)
    const isInFlight = isKeyInFlight(reply)
    if (certaintyOf(reply) === 'known' && !isInFlight) return reply
    isUnknown ||= isInFlight || certaintyOf(reply) === 'unknown'
  }
  return isUnknown ? 'no response' : 'not sent'
}

function isKeyInFlight(reply: Reply): boolean {
  return typeof reply !== 'string' && /"urn:quintet:problem:idempotency-in-flight"/.test(reply.body)
}

/** Reads after the faults: until there is a response that shows the state. Rejects with the last one if there is none for a minute. */
export async function readFinally(http: HttpClient, url: string): Promise<Exclude<Reply, string>> {
  const giveUpAt = performance.now() + finalMs
  for (;;) {
    const reply = await http.send({ method: 'GET', url })
    if (typeof reply !== 'string' && certaintyOf(reply) === 'known') return reply
    if (performance.now() > giveUpAt)
      throw new Error(
        `GET ${url} does not succeed after the faults: ${typeof reply === 'string' ? reply : `${reply.status} ${reply.body}`}`,
      )
    await pause(pauseMs)
  }
}

/** All rows of a list, page by page. */
export async function readPages(http: HttpClient, url: string): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = []
  for (let page: string | undefined = url; page !== undefined; ) {
    const reply: Exclude<Reply, string> = await readFinally(http, page)
    if (reply.status !== 200) throw new Error(`GET ${page} got ${reply.status} ${reply.body}`)
    rows.push(...JSON.parse(reply.body))
    page = reply.next === undefined ? undefined : new URL(reply.next, page).href
  }
  return rows
}
