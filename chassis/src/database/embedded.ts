/** What backup and restore need of embedded databases. */

export { raiseNumbers } from './sqlite/raise-numbers.ts'
export { reserve } from './sqlite/process-registry.ts'
export { restoringFile } from './sqlite/restoring.ts'
export { copyAtOneInstant } from './sqlite/snapshots.ts'
