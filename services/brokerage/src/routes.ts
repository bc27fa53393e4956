import type { Clock } from '@quintet/chassis/clock'
import { AppError } from '@quintet/chassis/errors'
import { withId } from '@quintet/chassis/idempotency'
import {
  etagOf,
  linkToNextPage,
  openCursor,
  problems,
  sealCursor,
  sendResponse,
  sendJson,
  sendRepresentation,
  toAppError,
} from '@quintet/chassis/http'
import type { App, FastifyReply, FastifyRequest, Idempotency, FastPath } from '@quintet/chassis/http'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import type { AccountStore, Page } from './port.ts'
import { responseFormatOf } from './order-response.ts'
import { readNewAccount, readOrders } from './bodies.ts'
import type { Arrival } from './bodies.ts'
import { formType, isForm, parseForm } from './form.ts'
import type { Market } from './market.ts'
import type { Account, OrderClock } from './order.ts'
import { noSuchAccount } from './order-processor.ts'
import type { OrderProcessor } from './order-processor.ts'
import { accountBody, ledgerEntryBody, marketBody, orderBody } from './representations.ts'
import {
  AccountBody,
  AccountPath,
  Greeting,
  LedgerEntryBody,
  MarketBody,
  NewAccount,
  NewOrders,
  OrderBody,
  OutcomesBody,
  PageQuery,
} from './schemas.ts'

const tags = ['brokerage']
const consumes = ['application/json', formType]
const twoDialects =
  'A form is answered by an envelope `{HTTPResponse, data, message}`, in which every number is a string; ' +
  'an order that a rule refuses then has the status of the first rule: 425 a duplicate, 403 a closed market, too little cash or too few shares, else 400.'
const pageSize = 100
const asBuffer = { parseAs: 'buffer' } as const

type Parts = {
  accounts: AccountStore
  desk: OrderProcessor
  market: Market
  idempotency: Idempotency
  clock: Clock
  /** By which clock the hours of the market are judged for orders that come as JSON. */
  marketClock: OrderClock
}

/** The wire of the brokerage. */
export function brokerageRoutes(app: App, parts: Parts): void {
  const { accounts, desk, market, idempotency, clock, marketClock } = parts
  app.addContentTypeParser(formType, asBuffer, async (_: unknown, body: Buffer) => parseForm(body))

  app.addContentTypeParser('*', async () => {
    throw new AppError('unsupported_media_type', `Send the body as ${consumes.join(' or ')}.`)
  })

  app.post(
    '/accounts',
    {
      ...readHere,
      schema: {
        tags,
        consumes,
        operationId: 'openAccount',
        summary: 'Open an account',
        description: twoDialects,
        body: NewAccount,
        response: { 200: AccountBody, ...problems(400, 409, 415, 422, 503) },
      },
    },
    (request, reply) => {
      const cash = readNewAccount(request.body)
      const answer = responseFormatOf(request).opened(cash)
      return idempotency.once(request, reply, async (record) => {
        const account = { cash, openedMs: clock.now() }
        const id = await accounts.open(account, record(answer))
        return withId(answer, id)
      })
    },
  )

  app.post(
    '/accounts/:id/orders',
    {
      ...readHere,
      schema: {
        tags,
        consumes,
        operationId: 'placeOrders',
        summary: 'Place an order, or a batch of orders',
        description:
          'With `Prefer: handling=strict` a refused order is a problem, 409 for a duplicate and else 422. ' +
          twoDialects,
        params: AccountPath,
        body: NewOrders,
        response: { 200: OutcomesBody, ...problems(400, 404, 409, 413, 415, 422, 503) },
      },
    },
    (request, reply) => {
      const { body } = request
      const orders = readOrders(body, arrivalOf(request))
      const accountId = readAccountId(request)
      const dialect = responseFormatOf(request)
      return idempotency.once(request, reply, (record) =>
        desk.place(accountId, orders, (outcomes) => {
          const response = dialect.placed(outcomes, Array.isArray(body))
          return { response, records: record(response) }
        }),
      )
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
      const account = await findAccount(request)
      const { etag, body } = representationOf(account)
      sendRepresentation(request, reply, etag, body)
    },
  )

  app.get(
    '/accounts/:id/orders',
    {
      schema: {
        tags,
        operationId: 'listAccountOrders',
        summary: 'List the orders of an account, accepted and refused, as they came',
        params: AccountPath,
        querystring: PageQuery,
        response: { 200: Type.Array(OrderBody), ...problems(400, 404) },
      },
    },
    async (request, reply) => {
      const page = readPage(request.query)
      const rows = await accounts.listOrders((await findAccount(request)).id, page)
      sendPage(request, reply, page, rows, orderBody)
    },
  )

  app.get(
    '/accounts/:id/ledger',
    {
      schema: {
        tags,
        operationId: 'listLedger',
        summary: 'List what moved the cash and the shares of an account, as it happened',
        params: AccountPath,
        querystring: PageQuery,
        response: { 200: Type.Array(LedgerEntryBody), ...problems(400, 404) },
      },
    },
    async (request, reply) => {
      const page = readPage(request.query)
      const entries = await accounts.listLedger((await findAccount(request)).id, page)
      sendPage(request, reply, page, entries, ledgerEntryBody)
    },
  )

  app.get(
    '/market',
    {
      schema: {
        tags,
        operationId: 'getMarket',
        summary: 'Is the market open, and what comes next?',
        response: { 200: MarketBody },
      },
    },
    async (_request, reply) => sendJson(reply, JSON.stringify(marketBody(market.hours(clock.now())))),
  )

  for (const [path, operationId] of Object.entries({ '/': 'greet', '/hello': 'hello' }))
    app.get(
      path,
      { schema: { tags, operationId, summary: 'Be greeted', response: { 200: Greeting } } },
      async (_request, reply) => sendJson(reply, greeting),
    )

  function arrivalOf(request: FastifyRequest): Arrival {
    return isForm(request.headers['content-type'])
      ? { receivedMs: clock.now(), hoursBy: 'server', duplicatesBy: 'server', isInSequence: true }
      : { receivedMs: clock.now(), hoursBy: marketClock, duplicatesBy: 'order', isInSequence: false }
  }

  async function findAccount(request: AccountRequest) {
    const account = await accounts.find(readAccountId(request))
    if (account === undefined) throw noSuchAccount()
    return account
  }
}

/** Accounts by their path, read before the framework begins, which costs more than the read. */
export function accountFastPath(accounts: AccountStore): FastPath {
  const prefix = '/accounts/'
  const answerOf = (account: Account | undefined) =>
    account && { route: '/accounts/:id', ...representationOf(account) }
  return (path) => {
    const id = path.startsWith(prefix) ? parseAccountId(path.slice(prefix.length)) : undefined
    return id === undefined ? undefined : accounts.find(id).then(answerOf)
  }
}

const greeting = JSON.stringify({ message: 'Hello! This is the brokerage; see /docs.' })

/** For routes whose bodies are read beside their schemas, which know no exact numbers, and whose errors have a dialect. */
const readHere = {
  validatorCompiler: () => () => true,
  errorHandler(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const answer = responseFormatOf(request).error(toAppError(error))
    if (answer === undefined) throw error
    sendResponse(reply, answer)
  },
}

type AccountRequest = FastifyRequest<{ Params: Static<typeof AccountPath> }>

function readAccountId({ params }: AccountRequest): number {
  const id = parseAccountId(params.id)
  if (id === undefined) throw noSuchAccount()
  return id
}

/** What cannot be an id is the id of no account. */
function parseAccountId(text: string): number | undefined {
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined
}

function representationOf(account: Account): { etag: string; body: string } {
  return { etag: etagOf(account.version), body: JSON.stringify(accountBody(account)) }
}

function readPage({ limit, cursor }: Static<typeof PageQuery>): Page {
  const [after] = cursor === undefined ? [-1] : openCursor(cursor, ['number'])
  return { after: Number(after), limit: limit ?? pageSize }
}

function sendPage<Row extends { readonly sequence: number }>(
  request: FastifyRequest,
  reply: FastifyReply,
  { limit }: Page,
  rows: readonly Row[],
  bodyOf: (row: Row) => unknown,
): void {
  const last = rows.length === limit ? rows.at(-1) : undefined
  if (last !== undefined) reply.header('link', linkToNextPage(request.url, sealCursor([last.sequence])))
  sendJson(reply, JSON.stringify(rows.map(bodyOf)))
}
