import type { IncomingMessage } from 'node:http'
import { decisionOf } from './context.ts'

/** The scopes by which a request may read and change what others own; no route needs them. */
export const ownershipScopes = { read: 'all:read', write: 'all:write' } as const

/** Who made a row: the id of a principal; null where nobody was authenticated. */
export type Owner = string | null

/** What a request may do with rows that have an owner. */
export type RowAccess = {
  /** The owner of what it makes. */
  readonly owner: Owner
  /** Whether it may read rows whoever owns them. */
  readonly readsAll: boolean
  /** And whether it may change them. */
  readonly changesAll: boolean
}

/** The part of it that counts where a change is made later. */
export type Changes = Pick<RowAccess, 'owner' | 'changesAll'>

/** Where clients are not authenticated, owners do not count. */
export const unrestricted: RowAccess = { owner: null, readsAll: true, changesAll: true }

/** Of a request without a principal where others have one. */
const ofNobody: RowAccess = { owner: null, readsAll: false, changesAll: false }

/** A request that came past the guard, as those of tests without a connection, is not restricted. */
export function rowAccessOf(request: IncomingMessage): RowAccess {
  const decision = decisionOf(request)
  if (decision === undefined || !decision.hasOwners) return unrestricted
  const { principal } = decision
  if (principal === undefined) return ofNobody
  const { id: owner, scopes } = principal
  return { owner, readsAll: scopes.has(ownershipScopes.read), changesAll: scopes.has(ownershipScopes.write) }
}

/** Own rows, and those that nobody owns. What a request may not read is to it as what does not exist. */
export function mayRead({ owner, readsAll }: RowAccess, of: Owner | undefined): boolean {
  return readsAll || of === undefined || of === null || of === owner
}

/** The same for rows of which those that nobody owns are not for everybody. */
export function mayReadOwned({ owner, readsAll }: RowAccess, of: Owner | undefined): boolean {
  return readsAll || owns(owner, of)
}

/** Own rows alone: what anonymous requests have made, none of them may change. */
export function mayChange({ owner, changesAll }: Changes, of: Owner | undefined): boolean {
  return changesAll || owns(owner, of)
}

/** The owner whose rows alone a request may change; null for rows of any, undefined where it may change none. */
export function ownerToChange({ owner, changesAll }: Changes): Owner | undefined {
  return changesAll ? null : (owner ?? undefined)
}

function owns(owner: Owner, of: Owner | undefined): boolean {
  return owner !== null && of === owner
}
