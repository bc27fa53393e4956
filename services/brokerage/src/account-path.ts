import type { Static } from 'typebox'
import { accountNotFound } from './order-processor.ts'
import type { AccountPath } from './schemas.ts'

/** The id of the account in a path; text that cannot be an id is the id of no account. */
export function accountIdOf(params: Static<typeof AccountPath>): number {
  const id = parseAccountId(params.id)
  if (id === undefined) throw accountNotFound()
  return id
}

export function parseAccountId(text: string): number | undefined {
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined
}
