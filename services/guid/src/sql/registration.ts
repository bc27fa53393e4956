import type { Clock, Deadline } from '@quintet/chassis/clock'
import type { Statement } from '@quintet/chassis/database'
import { AppError } from '@quintet/chassis/errors'
import { outboxStatement } from '@quintet/chassis/outbox'
import type { GuidEvent } from '@quintet/contracts'
import { nowSeconds } from '../guid.ts'
import type { createVersions, Guid } from '../guid.ts'
import { eventsStream } from '../port.ts'
import type { GuidStore } from '../port.ts'
import type { CommitWithStatements } from './commit-with.ts'
import type { prepareGuidStatements } from './guid-statements.ts'
import type { GuidDatabase } from './tables.ts'
import type { prepareVersionStatements } from './version-statements.ts'

/** How often a registration is tried while others of the same GUID come and go. */
const attemptsMax = 20

/** No write waits for so long. A registration whose expiry is further away needs no check of it at the commit. */
const waitMaxMs = 60_000

/** Registers GUIDs in a SQL database, each in one unit with its event. */
export function createRegistration({
  database,
  clock,
  engineClock,
  guids,
  versions,
  statementsOf,
  nextVersion,
  find,
}: {
  database: GuidDatabase
  clock: Clock
  engineClock: Clock
  guids: ReturnType<typeof prepareGuidStatements>
  versions: ReturnType<typeof prepareVersionStatements>
  statementsOf: CommitWithStatements
  nextVersion: ReturnType<typeof createVersions>
  find: GuidStore['find']
}): GuidStore['create'] {
  const insertEvent = outboxStatement(database.query, eventsStream)

  /**
   * Inserts a row; false where there is one, where the version does not exceed those that the GUID may have had, or where the
   * expiry has passed.
   */
  async function insertRow(row: Guid, isNew: boolean, { first, last }: Parts, deadline: Deadline) {
    const unit = [...first, demanding(guids.insert(row))]
    if (!isNew || row.expire * 1000 - engineClock.now() < waitMaxMs) unit.push(requireValid(row))
    return commit([...unit, createdEvent(row), ...last], deadline)
  }

  /** Puts the row in the place of an expired one, after the event of its expiry; false where there is none with a lower version. */
  async function replaceExpired(row: Guid, { first, last }: Parts, deadline: Deadline) {
    const expired = guids.insertExpiredEvent({ ...row, now: nowSeconds(clock), at: clock.now() })
    const change = [demanding(expired), guids.replaceExpired(row), requireValid(row), createdEvent(row)]
    return commit([...first, ...change, ...last], deadline)
  }

  async function commit(unit: readonly Statement[], deadline: Deadline): Promise<boolean> {
    return (await database.commit(unit, deadline)).failedStatement === undefined
  }

  function requireValid(row: Guid): Statement {
    return demanding(versions.requireValid({ ...row, now: nowSeconds(clock) }))
  }

  function createdEvent(row: Guid): Statement {
    const body = JSON.stringify({ type: 'guid.created', ...row } satisfies GuidEvent)
    return insertEvent({ key: row.guid, body, createdAt: clock.now() })
  }

  return async (registration, { deadline, records = none, isNew = false, operation }) => {
    const { guid } = registration
    let highest = 0
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      const row = { ...registration, version: nextVersion(highest) }
      const parts = statementsOf(guid, records(row.version), operation)
      if (await insertRow(row, isNew, parts, deadline)) return row.version
      if (await replaceExpired(row, parts, deadline)) return row.version
      if (row.expire * 1000 <= engineClock.now()) return 'expired'
      if ((await find(guid)) !== undefined) return 'exists'
      const [found] = await database.read(versions.highest({ guid }))
      highest = Number(found?.highest ?? 0)
    }
    throw new AppError('overloaded', 'Too many concurrent changes to this GUID; retry.')
  }
}

type Parts = ReturnType<CommitWithStatements>

function demanding(statement: Statement): Statement {
  return { ...statement, mustAffectRows: true }
}

const none = () => []
