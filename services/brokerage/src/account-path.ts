import { mayRead, rowAccessOf } from '@quintet/chassis/guard'
import type { FastifyRequest } from '@quintet/chassis/http'
import { parseId } from '@quintet/chassis/resource'
import type { Static } from 'typebox'
import { accountNotFound } from './order-processor.ts'
import type { AccountStore } from './port.ts'
import type { AccountPath } from './schemas.ts'

type Params = Static<typeof AccountPath>

/** The id of the account in a path; text that cannot be an id is the id of no account. */
export function accountIdOf(params: Params): number {
  return parseId(params.id, accountNotFound)
}

/** The id of the account in the path of a request, which may read it; rejects with `not_found`. */
export async function readableAccountId(
  accounts: Pick<AccountStore, 'findOwner'>,
  { raw, params }: FastifyRequest<{ Params: Params }>,
): Promise<number> {
  const id = accountIdOf(params)
  const owner = await accounts.findOwner(id)
  if (owner === undefined || !mayRead(rowAccessOf(raw), owner)) throw accountNotFound()
  return id
}
