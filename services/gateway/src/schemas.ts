import { BillingMessage } from '@quintet/contracts'
import { Type } from 'typebox'
import type { Static, TString } from 'typebox'

/** A number is accepted as its notation, which is then validated like the string. */
function textOrNumber(text: TString) {
  return Type.Union([text, Type.Number()], {
    description: Reflect.get(text, 'description'),
    'x-errors': Reflect.get(text, 'x-errors'),
  })
}

const { user_id, number_of_items, total_amount } = BillingMessage.properties

export type NewOrder = Static<typeof NewOrder>
export const NewOrder = Type.Object(
  {
    user_id: textOrNumber(user_id),
    number_of_items: textOrNumber(number_of_items),
    total_amount: textOrNumber(total_amount),
  },
  {
    title: 'NewBillingOrder',
    additionalProperties: false,
    examples: Reflect.get(BillingMessage, 'examples'),
  },
)

export const Posted = Type.Object(
  {
    message: Type.Literal('Message posted'),
    message_id: Type.String({ description: 'What became of it is at /api/orders/by-message/{message_id}.' }),
  },
  { title: 'Posted' },
)
