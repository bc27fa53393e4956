import { pageQuery, Problem, text } from '@quintet/chassis/http'
import { Type } from 'typebox'
import { decimalMax, formatDecimal } from './decimal.ts'

const issuerLengthMax = 100
const operationLengthMax = 64
const clientOrderIdLengthMax = 64
const amountLengthMax = 100
export const ordersPerBatchMax = 1_000

/** A number, or its notation in a string. `bodies.ts` checks that it is exact, on the text that was sent. */
function amount(name: string, description: string) {
  return Type.Union([Type.Number(), Type.String({ maxLength: amountLengthMax })], {
    description,
    'x-errors': { required: `${name} is required.`, invalid: `${name} must be a number.` },
  })
}

export const NewAccount = Type.Object(
  {
    cash: amount('cash', `The opening balance: 0 to ${formatDecimal(decimalMax)}, with at most 6 decimals.`),
  },
  { title: 'NewAccount', additionalProperties: false, examples: [{ cash: 1000 }] },
)

export const NewOrder = Type.Object(
  {
    timestamp: amount('timestamp', 'Unix time in seconds; from 1e11 up, in milliseconds.'),
    operation: text('operation', {
      minLength: 0,
      maxLength: operationLengthMax,
      description: 'BUY or SELL, in either case.',
    }),
    issuer_name: text('issuer_name', {
      minLength: 0,
      maxLength: issuerLengthMax,
      description: 'Case-sensitive: names that differ in case are two issuers.',
    }),
    total_shares: amount('total_shares', 'A positive integer.'),
    share_price: amount('share_price', 'Positive, with at most 6 decimals.'),
    client_order_id: Type.Optional(
      text('client_order_id', {
        minLength: 1,
        maxLength: clientOrderIdLengthMax,
        description:
          'Makes the order idempotent: the account accepts one order for each; a repetition gets the first outcome.',
      }),
    ),
  },
  {
    title: 'NewOrder',
    additionalProperties: false,
    examples: [
      { timestamp: 1571325625, operation: 'BUY', issuer_name: 'AAPL', total_shares: 2, share_price: 80.5 },
    ],
  },
)

export const NewOrders = Type.Union([NewOrder, Type.Array(NewOrder, { maxItems: ordersPerBatchMax })], {
  description: 'An order; or, as JSON, a batch of orders, which are applied one by one in sequence.',
  examples: Reflect.get(NewOrder, 'examples'),
})

export const AccountPath = Type.Object({
  id: Type.String({ description: 'The id of the account.', examples: ['1'] }),
})

export const PageQuery = Type.Object(pageQuery, { additionalProperties: false })

/** A client that parses JSON numbers as doubles may lose digits. */
const exact = 'An exact decimal, which may have more digits than a double.'
const cash = Type.Number({ description: exact })

const issuers = Type.Array(
  Type.Object(
    {
      issuer_name: Type.String(),
      total_shares: Type.Integer(),
      share_price: Type.Number({ description: `The price of the last trade. ${exact}` }),
      average_cost: Type.Number({ description: 'The average cost of the shares held, to 6 decimals.' }),
    },
    { title: 'Position' },
  ),
  { description: 'In the order in which the positions were opened.' },
)

export const rules = Type.Union(
  [
    Type.Literal('INVALID_OPERATION'),
    Type.Literal('CLOSED_MARKET'),
    Type.Literal('DUPLICATED_OPERATION'),
    Type.Literal('INSUFFICIENT_BALANCE'),
    Type.Literal('INSUFFICIENT_STOCKS'),
  ],
  { title: 'BusinessError' },
)

export const AccountBody = Type.Object({ id: Type.Integer(), cash, issuers }, { title: 'Account' })

const OutcomeBody = Type.Object(
  {
    current_balance: Type.Object({ cash, issuers }),
    business_errors: Type.Array(rules, {
      description:
        'All rules that the order breaks; empty when it was applied. The list of orders has `errors` by field.',
    }),
  },
  { title: 'Outcome' },
)

const RefusedOutcome = Type.Object(
  { ...Problem.properties, business_errors: Type.Optional(Type.Array(rules)) },
  {
    title: 'RefusedOutcome',
    description: 'The problem of an order of a batch, if it is refused under `Prefer: handling=strict`.',
  },
)

export const OutcomesBody = Type.Union([OutcomeBody, Type.Array(Type.Union([OutcomeBody, RefusedOutcome]))], {
  description: 'The outcome of the order, or of each order of a batch.',
})

export const OrderBody = Type.Object(
  {
    id: Type.Integer({ description: 'The number of the order within the account, from 1.' }),
    client_order_id: Type.Optional(Type.String()),
    status: Type.Union([Type.Literal('accepted'), Type.Literal('refused')]),
    timestamp: Type.Number({ description: 'Unix time in seconds, as in the order.' }),
    received_at: Type.Number({ description: 'Unix time in seconds, by the clock of the server.' }),
    operation: Type.String(),
    issuer_name: Type.String(),
    total_shares: Type.Number(),
    share_price: Type.Number({ description: exact }),
    business_errors: Type.Array(rules),
    errors: Type.Optional(
      Type.Record(Type.String(), Type.String(), { description: 'What is wrong, by field.' }),
    ),
  },
  { title: 'Order' },
)

export const LedgerEntryBody = Type.Object(
  {
    id: Type.Integer({ description: 'The id of the order; 0 for the opening.' }),
    kind: Type.Union([Type.Literal('OPENING'), Type.Literal('BUY'), Type.Literal('SELL')]),
    issuer_name: Type.Optional(Type.String()),
    shares: Type.Integer({ description: 'The change of the shares: negative for a sale.' }),
    amount: Type.Number({ description: `The change of the cash: negative for a purchase. ${exact}` }),
    cash: Type.Number({ description: 'The balance after the entry: the sum of the amounts so far.' }),
    recorded_at: Type.Number({ description: 'Unix time in seconds.' }),
  },
  { title: 'LedgerEntry' },
)

export const MarketBody = Type.Object(
  {
    is_open: Type.Boolean(),
    next_open: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
      description: 'Null for a market that never closes.',
    }),
    next_close: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
  },
  { title: 'Market' },
)

export const Greeting = Type.Object({ message: Type.String() }, { title: 'Greeting' })
