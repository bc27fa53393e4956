import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** Keeps the client's `X-Request-Id` when it is harmless in headers and logs; else counts from a random start. */
export function createRequestIds(): (request?: IncomingMessage) => string {
  const start = `${randomBytes(5).toString('hex')}-`
  let count = 0
  return (request?: IncomingMessage & { [idOfRequest]?: string }) => {
    if (request?.[idOfRequest] !== undefined) return request[idOfRequest]
    const given = request?.headers['x-request-id']
    const id =
      typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : start + (++count).toString(36)
    if (request !== undefined) request[idOfRequest] = id
    return id
  }
}

const idOfRequest = Symbol('idOfRequest')
