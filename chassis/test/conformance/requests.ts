import assert from 'node:assert/strict'
import type { ServiceTraits, ConformingWorld } from './suite.ts'

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS'
export type Headers = Record<string, string>
export type Response = Awaited<ReturnType<typeof send>>

/** A request through the framework, without a socket. */
export function send({ app }: ConformingWorld, method: Method, url: string, headers: Headers = {}) {
  return app.inject({ method, url, headers })
}

/** The same with a JSON body. */
export function sendJson(
  { app }: ConformingWorld,
  method: Method,
  url: string,
  body: unknown,
  headers: Headers = {},
) {
  const payload = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
  return app.inject({ method, url, payload, headers: { 'content-type': 'application/json', ...headers } })
}

/** That a response is a problem document (RFC 9457) of this status, whole and of its type. */
export function assertProblem(
  { detailAlias }: ServiceTraits,
  response: Response,
  statuses: number | readonly number[],
  message = '',
): void {
  assert.ok([statuses].flat().includes(response.statusCode), `${message}: ${response.statusCode}`)
  assert.equal(response.headers['content-type'], 'application/problem+json; charset=utf-8', message)
  const problem = response.json()
  assert.match(problem.type, /^urn:quintet:problem:[a-z-]+$/, message)
  assert.equal(problem.status, response.statusCode, message)
  assert.equal(problem.instance, response.headers['x-request-id'], message)
  for (const member of ['title', 'detail'])
    assert.ok(typeof problem[member] === 'string' && problem[member] !== '', message)
  if (detailAlias !== undefined) assert.equal(problem[detailAlias], problem.detail, message)
}
