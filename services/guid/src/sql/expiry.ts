import { systemClock } from '@quintet/chassis/clock'
import type { Clock } from '@quintet/chassis/clock'
import { commitBeforeColumn, engineSeconds } from '@quintet/chassis/database'
import type { AliasedRawBuilder, Kysely, RawBuilder } from 'kysely'
import type { GuidTables } from './tables.ts'

/** How statements judge expiry: by the clock of the engine, or by one that a test has injected. */
export type ExpiryJudge = {
  /** Unix time in whole seconds; `given` is that of the injected clock. */
  now(given: RawBuilder<number>): RawBuilder<number>
  /** The column of a time before which the unit must commit; an injected clock stands still while a unit waits. */
  commitBefore(expire: RawBuilder<number>): AliasedRawBuilder<number, string>
}

export function createExpiryJudge(db: Kysely<GuidTables>, clock: Clock): ExpiryJudge {
  return clock === systemClock
    ? { now: () => engineSeconds(db), commitBefore: (expire) => expire.as(commitBeforeColumn) }
    : { now: (given) => given, commitBefore: (expire) => expire.as('expire') }
}
