import type { Database } from '@quintet/chassis/database'
import type { IdempotencyTable } from '@quintet/chassis/idempotency'
import type { OutboxTable } from '@quintet/chassis/outbox'
import type { Generated } from 'kysely'
import type { Guid } from '../guid.ts'
import type { Operation } from '../port.ts'

export type GuidTables = IdempotencyTable &
  OutboxTable & {
    guid: Guid & { id: Generated<number> }
    operation: Operation & { changed_at: number }
    /** Its largest version is at least that of every GUID that was removed. */
    version_floor: { version: number }
  }

export type GuidDatabase = Database<GuidTables>
