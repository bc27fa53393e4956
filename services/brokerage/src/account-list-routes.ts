import { problems } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { readPage, rowList, sendList } from '@quintet/chassis/resource'
import type { Page } from '@quintet/chassis/resource'
import { Type } from 'typebox'
import { readableAccountId } from './account-path.ts'
import type { AccountStore, LedgerEntry, OrderRecord } from './port.ts'
import { ledgerEntryBody, orderBody } from './representations.ts'
import { AccountPath, LedgerEntryBody, OrderBody, PageQuery } from './schemas.ts'

const tags = ['brokerage']
/** Before the first sequence of a list, since the opening entry of a ledger has the sequence 0. */
const pageStart = -1

/** The orders and the ledger of an account, page by page. */
export function accountListRoutes(app: App, { accounts }: { accounts: AccountStore }): void {
  app.get(
    '/accounts/:id/orders',
    {
      schema: {
        tags,
        operationId: 'listAccountOrders',
        summary: 'List the orders of an account, accepted and refused, oldest first',
        description: 'Refused orders have the rules that they break, and a sentence for each field.',
        params: AccountPath,
        querystring: PageQuery,
        response: { 200: Type.Array(OrderBody), ...problems(400, 404) },
      },
    },
    async (request, reply) => {
      const page = readPage(request.query, { start: pageStart })
      const id = await readableAccountId(accounts, request)
      const read = (part: Page) => accounts.listOrders(id, part)
      await sendList(request, reply, rowList(page, { read, textOf: orderText, numberOf: sequenceOf }))
    },
  )

  app.get(
    '/accounts/:id/ledger',
    {
      schema: {
        tags,
        operationId: 'listLedger',
        summary: 'List every change of the cash and the shares of an account, oldest first',
        description: 'The cash is the sum of the amounts, and each position the sum of its shares.',
        params: AccountPath,
        querystring: PageQuery,
        response: { 200: Type.Array(LedgerEntryBody), ...problems(400, 404) },
      },
    },
    async (request, reply) => {
      const page = readPage(request.query, { start: pageStart })
      const id = await readableAccountId(accounts, request)
      const read = (part: Page) => accounts.listLedger(id, part)
      await sendList(request, reply, rowList(page, { read, textOf: entryText, numberOf: sequenceOf }))
    },
  )
}

const orderText = (order: OrderRecord) => JSON.stringify(orderBody(order))
const entryText = (entry: LedgerEntry) => JSON.stringify(ledgerEntryBody(entry))
const sequenceOf = ({ sequence }: { readonly sequence: number }) => sequence
