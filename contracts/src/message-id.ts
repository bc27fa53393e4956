import { createHmac } from 'node:crypto'
import { Type } from 'typebox'

/**
 * The secret that gateway and billing share where the queue cannot look up a message: ids of accepted orders are signed with
 * it, so that an id proves that its order was accepted (docs/decisions/0020).
 */
export const orderIdKey = Type.String({
  default: '',
  secret: true,
  pattern: '^(.{16,256})?$',
  expected: 'a text of 16 to 256 characters',
  description:
    'The secret that ids of orders are signed with on RabbitMQ, the same for gateway and billing. Without it a file in DATA_DIR has one.',
})

/** Where the secret is without that setting. */
export function orderIdKeyFile({ DATA_DIR }: { readonly DATA_DIR: string }): string {
  return `${DATA_DIR}/order-ids.key`
}

const tagLength = 16
const signed = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}-[0-9a-f]{16}$/

/** A UUID with 64 bits of its HMAC; of an order with an owner, of both, so that the id proves it for its owner alone. */
export function signMessageId(uuid: string, key: string, owner: string | null): string {
  const text = owner === null ? uuid : `${uuid}\n${owner}`
  return `${uuid}-${createHmac('sha256', key).update(text).digest('hex').slice(0, tagLength)}`
}

/** Whether `signMessageId` has made this id with this key, for this owner or for none. */
export function isSignedWith(id: string, key: string, owner: string | null): boolean {
  return signed.test(id) && signMessageId(unsignedMessageId(id), key, owner) === id
}

/** The UUID of a signed id, which identifies the order under any key; any other id as it is. */
export function unsignedMessageId(id: string): string {
  return signed.test(id) ? id.slice(0, -tagLength - 1) : id
}
