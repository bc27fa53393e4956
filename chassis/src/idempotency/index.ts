export { createUpgradePeriod } from './upgrade-period.ts'
export * from './port.ts'
export * from './sql-idempotency-store.ts'
export { valuePlaceholder } from '../database/index.ts'
