import type { Clock } from '@quintet/chassis/clock'
import type { Statement } from '@quintet/chassis/database'
import { recordStatements } from '@quintet/chassis/idempotency'
import type { IdempotencyRecord } from '@quintet/chassis/idempotency'
import type { Kysely } from 'kysely'
import { completionStatements } from './operation-store.ts'
import type { GuidTables } from './tables.ts'

/** The statements that come first in a unit, since they may refuse it, and last, since they read the changed row. */
export type CommitWithStatements = (
  guid: string,
  records: readonly IdempotencyRecord[],
  operation: string | undefined,
) => { readonly first: readonly Statement[]; readonly last: readonly Statement[] }

/** Prepares what is committed in one unit with a change of a GUID. */
export function prepareCommitWith(db: Kysely<GuidTables>, clock: Clock): CommitWithStatements {
  const insertRecords = recordStatements(db)
  const completion = completionStatements(db)
  return (guid, records, operation) => {
    const first = insertRecords(records)
    if (operation === undefined) return { first, last: [] }
    return {
      first: [...first, completion.complete(operation, clock.now())],
      last: [completion.storeResult(operation, guid)],
    }
  }
}
