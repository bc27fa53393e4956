import { mayChange, mayReadOwned, rowAccessOf } from '@quintet/chassis/guard'
import type { Owner } from '@quintet/chassis/guard'
import type { FastifyRequest } from '@quintet/chassis/http'

/**
 * Whether a request may do something with a user of this owner, and with the certificates of the user. Who may do it with those of nobody
 * may do it with all: they may hold what earlier clients kept to themselves.
 */
export type Right = (owner: Owner | undefined) => boolean

export function rightToRead({ raw }: FastifyRequest): Right {
  const access = rowAccessOf(raw)
  return (owner) => mayReadOwned(access, owner)
}

export function rightToChange({ raw }: FastifyRequest): Right {
  const access = rowAccessOf(raw)
  return (owner) => mayChange(access, owner)
}
