import { pageQuery, text } from '@quintet/chassis/http'
import { Type } from 'typebox'
import { decimalMax, formatDecimal } from './decimal.ts'

export const issuerLengthMax = 100
export const operationLengthMax = 64
export const clientOrderIdLengthMax = 64
export const ordersPerBatchMax = 1_000

/** A number or its notation in a string. That it is exact is judged beside the schema, on the text that was sent. */
function amount(name: string, description: string) {
  return Type.Union([Type.Number(), Type.String()], {
    description,
    'x-errors': { required: `${name} is required.`, invalid: `${name} must be a number.` },
  })
}

export const NewAccount = Type.Object(
  { cash: amount('cash', `What it opens with: 0 to ${formatDecimal(decimalMax)}, with at most 6 decimals.`) },
  { title: 'NewAccount', additionalProperties: false, examples: [{ cash: 1000 }] },
)

export const NewOrder = Type.Object(
  {
    timestamp: amount('timestamp', 'Unix time in seconds; from 1e11 up it is taken as milliseconds.'),
    operation: text('operation', {
      minLength: 0,
      maxLength: operationLengthMax,
      description: 'BUY or SELL, in either case.',
    }),
    issuer_name: text('issuer_name', {
      minLength: 0,
      maxLength: issuerLengthMax,
      description: 'Taken as it is: names that differ in case are two issuers.',
    }),
    total_shares: amount('total_shares', 'A positive integer.'),
    share_price: amount('share_price', 'Positive, with at most 6 decimals.'),
    client_order_id: Type.Optional(
      text('client_order_id', {
        minLength: 1,
        maxLength: clientOrderIdLengthMax,
        description:
          'The account takes one order under each; sent again, it is answered with its first outcome.',
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
  description: 'An order; or, as JSON, a batch of them, which are applied one by one in order.',
})

export const AccountPath = Type.Object({
  id: Type.String({ description: 'As given when the account was opened.', examples: ['1'] }),
})

export const PageQuery = Type.Object(pageQuery, { additionalProperties: false })

/** What reads JSON numbers as doubles may see less of them than there is. */
const exact = 'An exact decimal: it may have more digits than a double keeps.'
const cash = Type.Number({ description: exact })

const issuers = Type.Array(
  Type.Object(
    {
      issuer_name: Type.String(),
      total_shares: Type.Integer(),
      share_price: Type.Number({ description: `Of the last trade. ${exact}` }),
      average_cost: Type.Number({ description: 'Of the shares that are held, to 6 decimals.' }),
    },
    { title: 'Position' },
  ),
  { description: 'In the order in which they were first bought.' },
)

const rules = Type.Union(
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

export const OutcomeBody = Type.Object(
  {
    current_balance: Type.Object({ cash, issuers }),
    business_errors: Type.Array(rules, {
      description: 'Every rule that the order breaks; none when it was applied.',
    }),
  },
  { title: 'Outcome' },
)

export const OutcomesBody = Type.Union([OutcomeBody, Type.Array(OutcomeBody)], {
  description: 'The outcome of the order, or of each order of a batch.',
})

export const OrderBody = Type.Object(
  {
    id: Type.Integer({ description: 'Counts the orders of the account.' }),
    client_order_id: Type.Optional(Type.String()),
    status: Type.Union([Type.Literal('accepted'), Type.Literal('refused')]),
    timestamp: Type.Number({ description: 'Unix time in seconds, as the order says.' }),
    received_at: Type.Number({ description: 'Unix time in seconds, by the clock of the service.' }),
    operation: Type.String(),
    issuer_name: Type.String(),
    total_shares: Type.Number(),
    share_price: Type.Number({ description: exact }),
    business_errors: Type.Array(rules),
    errors: Type.Optional(
      Type.Record(Type.String(), Type.String(), { description: 'What was wrong, by field.' }),
    ),
  },
  { title: 'Order' },
)

export const LedgerEntryBody = Type.Object(
  {
    id: Type.Integer({ description: 'That of the order; 0 for the opening.' }),
    kind: Type.Union([Type.Literal('OPENING'), Type.Literal('BUY'), Type.Literal('SELL')]),
    issuer_name: Type.Optional(Type.String()),
    shares: Type.Integer({ description: 'Added when positive, taken when negative.' }),
    amount: Type.Number({ description: `Cash that was added when positive, taken when negative. ${exact}` }),
    cash: Type.Number({ description: 'What the account had then: the sum of the amounts so far.' }),
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
