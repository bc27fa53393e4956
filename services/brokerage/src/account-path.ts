import { parseId } from '@quintet/chassis/resource'
import type { Static } from 'typebox'
import { accountNotFound } from './order-processor.ts'
import type { AccountPath } from './schemas.ts'

/** The id of the account in a path; text that cannot be an id is the id of no account. */
export function accountIdOf(params: Static<typeof AccountPath>): number {
  return parseId(params.id, accountNotFound)
}
