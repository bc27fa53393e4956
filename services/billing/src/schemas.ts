import { pageQuery } from '@quintet/chassis/http'
import { BillingMessage } from '@quintet/contracts'
import { Type } from 'typebox'

export const OrderBody = Type.Object(
  { id: Type.Integer(), ...BillingMessage.properties },
  { title: 'BillingOrder', examples: [{ id: 1, user_id: '3', number_of_items: '5', total_amount: '180' }] },
)

export const OrderStatusBody = Type.Object(
  {
    status: Type.Union([Type.Literal('pending'), Type.Literal('stored'), Type.Literal('failed')]),
    order: Type.Optional(OrderBody),
    problem: Type.Optional(
      Type.Object({}, { description: 'Why the message has become a dead letter, as a problem document.' }),
    ),
  },
  { title: 'OrderStatus' },
)

export const OrderPath = Type.Object({
  id: Type.String({ description: 'The id of an order.', examples: ['1'] }),
})

export const MessagePath = Type.Object({
  message_id: Type.String({
    description: 'As answered by POST /api/billing.',
    examples: ['0199d0f4-6b1e-7c3a-9d52-3f8e6a1b2c4d'],
  }),
})

export const OrderQuery = Type.Object(
  { ...pageQuery, user_id: Type.Optional(BillingMessage.properties.user_id) },
  { additionalProperties: false },
)
