import { Type } from 'typebox'
import type { Static } from 'typebox'

/** The queue of posted orders; billing is its only consumer. */
export const billingQueue = 'billing_queue'

/**
 * The header of a message with the owner of its order, which the gateway sets to who has posted it. A message without it, such as one of
 * another program, makes an order without an owner. Consumers of earlier versions ignore it.
 */
export const ownerHeader = 'quintet-owner'

// Ids and amounts are text throughout: a float cannot hold numbers of this size exactly.
const userId = Type.String({
  maxLength: 20,
  pattern: '^(?:0|[1-9][0-9]{0,19})$',
  description: 'Who ordered.',
  'x-errors': { invalid: 'user_id must be a whole number of at most 20 digits.' },
})
const numberOfItems = Type.String({
  maxLength: 9,
  pattern: '^[1-9][0-9]{0,8}$',
  description: 'How many items were ordered: at least 1.',
  'x-errors': { invalid: 'number_of_items must be a whole number from 1 to 999999999.' },
})
const totalAmount = Type.String({
  maxLength: 22,
  pattern: '^(?:0|[1-9][0-9]{0,14})(?:\\.[0-9]{1,6})?$',
  description: 'What the order costs: at most 15 digits before the point and 6 after it, kept as they are.',
  'x-errors': {
    invalid:
      'total_amount must be a decimal number, not negative, with at most 15 digits before the point and 6 after it.',
  },
})

/**
 * An order on `billing_queue`, as JSON. Publishers may send numbers in any notation instead of these strings, and further members, which are
 * ignored. The trace context and the request id are in the headers of the message.
 */
export type BillingMessage = Static<typeof BillingMessage>
export const BillingMessage = Type.Object(
  { user_id: userId, number_of_items: numberOfItems, total_amount: totalAmount },
  { examples: [{ user_id: '3', number_of_items: '5', total_amount: '180' }] },
)
