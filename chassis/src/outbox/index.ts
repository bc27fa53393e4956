export {
  addOutboxKeys,
  createOutboxRelay,
  createOutboxTable,
  createSqlOutbox,
  dropOutboxKeys,
  dropOutboxTable,
  outboxStatement,
  wakeAfterCommit,
} from './sql-outbox.ts'
export type { OutboxMessage, OutboxTable } from './sql-outbox.ts'
export { createRelay } from './relay.ts'
export type { Outbox, OutboxRelay, OutboxRow } from './relay.ts'
