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

/** The id of an existing account in a path; rejects with `not_found`. */
export async function existingAccountId(
  accounts: Pick<AccountStore, 'exists'>,
  params: Params,
): Promise<number> {
  const id = accountIdOf(params)
  if (!(await accounts.exists(id))) throw accountNotFound()
  return id
}
