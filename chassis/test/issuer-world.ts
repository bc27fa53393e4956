import type { TestContext } from 'node:test'
import { createSigningKey, scriptClient, startIssuer } from '@quintet/backends/issuer'
import type { RunningIssuer, SigningKey } from '@quintet/backends/issuer'
import { authSettings, loadConfig } from '@quintet/chassis/config'
import type { AuthSettings } from '@quintet/chassis/config'
import { createAuthentication } from '@quintet/chassis/guard/authentication'
import type { Authentication } from '@quintet/chassis/guard/authentication'
import { createMetrics } from '@quintet/chassis/telemetry'
import { importJWK, SignJWT } from 'jose'
import { Type } from 'typebox'
import { createLines } from './log-lines.ts'
import { createManualClock } from './manual-clock.ts'
import { settingsOf } from './settings-contract.ts'

export const audience = 'quintet'

/** Claims and header members that differ from those of a good token; undefined leaves one out. */
type Differences = { claims?: Record<string, unknown>; header?: Record<string, unknown>; key?: SigningKey }

/** A real issuer, which can be stopped, started again at its address, and given other keys. */
export async function openIssuer(t: TestContext, { isStarted = true } = {}) {
  let keys: readonly SigningKey[] = [createSigningKey('first')]
  let fetches = 0
  const requested = (path: string) => {
    if (path === '/jwks') fetches++
  }
  const options = { audience, scopes: ['movies:read', 'movies:write'], requested }
  let running: RunningIssuer | undefined = await startIssuer({ ...options, port: 0, keys })
  const { url } = running
  const stop = async () => {
    await running?.close()
    running = undefined
  }
  t.after(stop)
  if (!isStarted) await stop()

  return {
    url,
    keyFetches: () => fetches,
    stop,
    async start(with_ = keys) {
      await stop()
      keys = with_
      running = await startIssuer({ ...options, port: Number(new URL(url).port), keys })
    },
    keys: () => keys,
    /** A token by client credentials, as a program gets it. */
    async token(scope = 'movies:read'): Promise<string> {
      const response = await fetch(`${url}/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${btoa(`${scriptClient.id}:${scriptClient.secret}`)}` },
        body: new URLSearchParams({ grant_type: 'client_credentials', scope }),
      })
      const { access_token: token } = Object(await response.json())
      return String(token)
    },
    /** A token that the issuer would not make, signed with its key or another one. */
    async sign(
      nowMs: number,
      { claims = {}, header = {}, key = keys[0] }: Differences = {},
    ): Promise<string> {
      if (key === undefined) throw new Error('The issuer has no key.')
      const seconds = Math.floor(nowMs / 1_000)
      const good = { iss: url, aud: audience, sub: 'ada', exp: seconds + 3_600, scope: 'movies:read' }
      return new SignJWT({ ...good, ...claims })
        .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'at+jwt', ...header })
        .sign(await importJWK({ ...key }, key.alg), { crit: { example: true } })
    },
  }
}

/** What finds out who sends a request, with a clock that the test sets. */
export function openAuthentication(t: TestContext, given: Partial<Record<keyof AuthSettings, string>>) {
  const clock = createManualClock(Date.UTC(2026, 10, 30, 12))
  const { logger, lines } = createLines()
  const metrics = createMetrics()
  const settings = loadConfig(Type.Object(authSettings), settingsOf({ AUTH: 'required', ...given }))
  const authentication = createAuthentication(settings, {
    clock,
    logger,
    metrics,
    originOf: () => 'https://api.example.com',
    isOpen: (path) => path === '/open',
  })
  t.after(() => authentication.close())
  const client = { address: '192.0.2.7', key: '192.0.2.7' }

  /** What becomes of a request with these header fields. */
  async function send(fields: readonly (readonly [name: string, value: string])[], path = '/api/movies') {
    const headers: Record<string, string> = {}
    for (const [name, value] of fields) {
      const lower = name.toLowerCase()
      headers[lower] = headers[lower] === undefined ? value : `${headers[lower]}, ${value}`
    }
    return authentication.authenticate({ headers, rawHeaders: fields.flat() }, { client, path })
  }
  const bearer = (token: string) => send([['Authorization', `Bearer ${token}`]])

  return { clock, lines, metrics, client, authentication, send, bearer }
}

/** The status of a refusal, its code and the error in WWW-Authenticate; of a principal its id. */
export function outcomeOf(found: Awaited<ReturnType<Authentication['authenticate']>>): string {
  if (found === undefined) return 'anonymous'
  if (!('error' in found)) return found.id
  const { error, fields } = found
  const [, challenge = ''] = fields
  return `${error.status} ${error.code} ${/error.*/.exec(challenge)?.[0] ?? ''}`.trimEnd()
}
