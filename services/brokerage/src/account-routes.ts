import type { Clock } from '@quintet/chassis/clock'
import { etagOf, problems } from '@quintet/chassis/http'
import type { App, FastResponse, Idempotency } from '@quintet/chassis/http'
import { createOnce, getById, readId } from '@quintet/chassis/resource'
import { readNewAccount } from './bodies.ts'
import type { Account } from './order.ts'
import { accountNotFound } from './order-processor.ts'
import type { AccountStore } from './port.ts'
import { accountBody } from './representations.ts'
import { bothFormats, consumes, formatsNote } from './request-formats.ts'
import { responseFormatOf } from './response-format.ts'
import { AccountBody, AccountPath, NewAccount } from './schemas.ts'

const tags = ['brokerage']
/** An account has a single member, so nothing near the limit of orders is one. */
const accountBodyBytesMax = 4 * 1024

export type AccountRouteParts = { accounts: AccountStore; idempotency: Idempotency; clock: Clock }

export function accountRoutes(app: App, { accounts, idempotency, clock }: AccountRouteParts): void {
  app.post(
    '/accounts',
    {
      ...bothFormats,
      bodyLimit: accountBodyBytesMax,
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
      return createOnce(idempotency, request, reply, response, (records) =>
        accounts.open({ cash, openedMs: clock.now() }, records),
      )
    },
  )

  getById(app, {
    url: '/accounts/:id',
    schema: {
      tags,
      operationId: 'getAccount',
      summary: 'Get the cash and the positions of an account',
      params: AccountPath,
      response: { 200: AccountBody, ...problems(404) },
    },
    parse: readId,
    find: accounts.find,
    represent: representationOf,
    notFound: accountNotFound,
  })
}

function representationOf(account: Account): FastResponse {
  return { etag: etagOf(account.version), body: JSON.stringify(accountBody(account)) }
}
