import type { Owner } from '@quintet/chassis/guard'
import type { Message } from '@quintet/chassis/queue'
import { ownerHeader } from '@quintet/contracts'

const lengthMax = 255

/** The owner of the order in a message; null if it has none, undefined if the header is a text that the gateway never writes. */
export function ownerIn(headers: Message['headers']): Owner | undefined {
  const owner = headers?.[ownerHeader]
  if (owner === undefined) return null
  return owner.length <= lengthMax && /^\P{Cc}+$/u.test(owner) ? owner : undefined
}

export const notAnOwner = `The header ${ownerHeader} must be 1 to ${lengthMax} characters, none of them a control character.`
