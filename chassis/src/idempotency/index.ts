export * from './port.ts'
export * from './sql-idempotency-store.ts'
export { pending } from '../database/index.ts'
