export { exportOutboxMetrics } from './metrics.ts'
export {
  addOutboxKeys,
  createOutbox,
  createOutboxTable,
  dropOutboxKeys,
  dropOutboxTable,
} from './outbox-table.ts'
export type { OutboxTable } from './outbox-table.ts'
export { leaseToleranceMs } from './port.ts'
export type { Outbox, OutboxRow } from './port.ts'
export { checkOutbox } from './outbox-check.ts'
export { createRelay } from './relay.ts'
export { createSqlOutbox, outboxStatement } from './sql-outbox.ts'
export type { OutboxMessage } from './sql-outbox.ts'
