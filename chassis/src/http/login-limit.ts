import type { FastifyReply, FastifyRequest } from 'fastify'
import { clientAddressOf, clientNetworkOf, decisionOf, setRefusal } from '../guard/index.ts'
import type { App } from './app-options.ts'
import { dropLimitFields } from './guarded-response.ts'

/**
 * Counts an attempt to log in by the limits for that, to be called before a password is hashed. Throws where one of them refuses it.
 * `account` is the name in the form in which names are compared, whether or not there is such an account.
 */
export async function limitLogin(
  app: App,
  request: FastifyRequest,
  reply: FastifyReply,
  account: string,
): Promise<void> {
  if (app.limits === undefined) return
  // A request without a connection, as in tests, comes past the guard.
  const client = decisionOf(request.raw)?.client ?? {
    address: clientAddressOf(request),
    key: clientNetworkOf(request),
  }
  const attempt = { client, method: request.method, service: '' }
  const { refusal, fields } = await app.limits.byLogin(attempt, account)
  for (let i = 0; i < fields.length; i += 2) reply.header(fields[i] ?? '', fields[i + 1])
  if (refusal === undefined) return
  if (fields.length > 0) dropLimitFields(reply.raw)
  setRefusal(request.raw, refusal.error)
  throw refusal.error
}
