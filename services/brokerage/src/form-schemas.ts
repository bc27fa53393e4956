import { Type } from 'typebox'
import type { TSchema } from 'typebox'
import { NewOrder, rules } from './schemas.ts'

/** What forms have, and the envelopes that they get, for the descriptions of routes: every value is a text. */

const number = Type.String({ description: 'A number in text.' })

export const NewAccountForm = Type.Object(
  { cash: number },
  { title: 'NewAccountForm', examples: [{ cash: '1000' }] },
)

const { timestamp: _, ...members } = NewOrder.properties

export const NewOrderForm = Type.Object(
  {
    ...members,
    timestamp: Type.String({
      description: 'Later than that of the last order of the account, and not in the future.',
    }),
    total_shares: number,
    share_price: number,
  },
  {
    title: 'NewOrderForm',
    examples: [
      {
        timestamp: '1571325625',
        operation: 'BUY',
        issuer_name: 'AAPL',
        total_shares: '2',
        share_price: '80.5',
      },
    ],
  },
)

const issuers = Type.Array(
  Type.Object({
    issuer_name: Type.String(),
    total_shares: number,
    share_price: number,
    average_cost: number,
  }),
)

export const AccountEnvelope = envelope('AccountEnvelope', Type.Object({ id: number, cash: number, issuers }))

export const OutcomeEnvelope = envelope(
  'OutcomeEnvelope',
  Type.Object({
    current_balance: Type.Object({ cash: number, issuers }),
    business_errors: Type.Array(rules),
  }),
)

export const Envelope = envelope(
  'Envelope',
  Type.Object(
    {},
    { description: 'What is wrong by field, in `errors`; or the outcome of an order that was refused.' },
  ),
)

function envelope(title: string, data: TSchema) {
  return Type.Object(
    {
      HTTPResponse: Type.Integer({ description: 'The status of the response.' }),
      data,
      message: Type.String({ description: 'What is wrong; empty if nothing is.' }),
    },
    { title },
  )
}
