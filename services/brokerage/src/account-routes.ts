import type { Clock } from '@quintet/chassis/clock'
import { rowAccessOf } from '@quintet/chassis/guard'
import { etagOf, problems } from '@quintet/chassis/http'
import type { App, FastResponse, Idempotency } from '@quintet/chassis/http'
import type { IdempotencyRecord } from '@quintet/chassis/idempotency'
import { createOnce, getById, readId } from '@quintet/chassis/resource'
import { readNewAccount } from './bodies.ts'
import { formatDecimal } from './decimal.ts'
import { AccountEnvelope, NewAccountForm } from './form-schemas.ts'
import type { Account } from './order.ts'
import { accountNotFound } from './order-processor.ts'
import type { AccountStore } from './port.ts'
import { accountBody } from './representations.ts'
import { bodyOf, bothFormats, errors, formatsNote, success } from './request-formats.ts'
import { responseFormatOf } from './response-format.ts'
import { AccountBody, AccountPath, NewAccount } from './schemas.ts'

const tags = ['brokerage']
const location = { type: 'string', format: 'uri-reference', description: 'The path of the account.' }
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
        operationId: 'openAccount',
        summary: 'Open an account',
        description: `Opens an account with this cash. ${formatsNote}`,
        supports: ['Idempotency-Key'],
        body: bodyOf(NewAccount, NewAccountForm),
        response: {
          200: { ...success('The account', AccountBody, AccountEnvelope), headers: { Location: location } },
          ...errors(400, 406, 409, 413, 415, 422),
        },
      },
    },
    (request, reply) => {
      const cash = readNewAccount(request.body)
      const response = responseFormatOf(request).accountOpened(cash)
      const { owner } = rowAccessOf(request.raw)
      const open = (records: readonly IdempotencyRecord[]) =>
        accounts.open({ cash, owner, openedMs: clock.now() }, records)
      return createOnce(idempotency, request, reply, response, open, {
        contentOf: () => ({ cash: formatDecimal(cash) }),
      })
    },
  )

  getById(app, {
    url: '/accounts/:id',
    schema: {
      tags,
      operationId: 'getAccount',
      summary: 'Get the cash and the positions of an account',
      description:
        'The representation has the exact cash, and the positions in the order in which they were opened.',
      params: AccountPath,
      response: { 200: AccountBody, ...problems(404) },
    },
    parse: readId,
    find: accounts.find,
    represent: representationOf,
    ownerOf: ({ owner }) => owner,
    notFound: accountNotFound,
  })
}

function representationOf(account: Account): FastResponse {
  return { etag: etagOf(account.version), body: JSON.stringify(accountBody(account)) }
}
