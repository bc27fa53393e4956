import type { Clock } from '@quintet/chassis/clock'
import { etagOf, problems, sendRepresentation } from '@quintet/chassis/http'
import type { App, FastPath, Idempotency } from '@quintet/chassis/http'
import { withId } from '@quintet/chassis/idempotency'
import { accountIdOf, parseAccountId } from './account-path.ts'
import { readNewAccount } from './bodies.ts'
import type { Account } from './order.ts'
import { accountNotFound } from './order-processor.ts'
import type { AccountStore } from './port.ts'
import { accountBody } from './representations.ts'
import { bothFormats, consumes, formatsNote } from './request-formats.ts'
import { responseFormatOf } from './response-format.ts'
import { AccountBody, AccountPath, NewAccount } from './schemas.ts'

const tags = ['brokerage']

export type AccountRouteParts = { accounts: AccountStore; idempotency: Idempotency; clock: Clock }

export function accountRoutes(app: App, { accounts, idempotency, clock }: AccountRouteParts): void {
  app.post(
    '/accounts',
    {
      ...bothFormats,
      schema: {
        tags,
        consumes,
        operationId: 'openAccount',
        summary: 'Open an account',
        description: formatsNote,
        body: NewAccount,
        response: { 200: AccountBody, ...problems(400, 409, 415, 422, 503) },
      },
    },
    (request, reply) => {
      const cash = readNewAccount(request.body)
      const response = responseFormatOf(request).accountOpened(cash)
      return idempotency.once(request, reply, async (record) => {
        const id = await accounts.open({ cash, openedMs: clock.now() }, record(response))
        return withId(response, id)
      })
    },
  )

  app.get(
    '/accounts/:id',
    {
      schema: {
        tags,
        operationId: 'getAccount',
        summary: 'Get the cash and the positions of an account',
        params: AccountPath,
        response: { 200: AccountBody, ...problems(404) },
      },
    },
    async (request, reply) => {
      const account = await accounts.find(accountIdOf(request.params))
      if (account === undefined) throw accountNotFound()
      const { etag, body } = representationOf(account)
      sendRepresentation(request, reply, etag, body)
    },
  )
}

/** `GET /accounts/{id}` without the framework, which costs more than the read. */
export function accountFastPath(accounts: AccountStore): FastPath {
  const prefix = '/accounts/'
  const responseOf = (account: Account | undefined) =>
    account && { route: '/accounts/:id', ...representationOf(account) }
  return (path) => {
    const id = path.startsWith(prefix) ? parseAccountId(path.slice(prefix.length)) : undefined
    return id === undefined ? undefined : accounts.find(id).then(responseOf)
  }
}

function representationOf(account: Account): { etag: string; body: string } {
  return { etag: etagOf(account.version), body: JSON.stringify(accountBody(account)) }
}
