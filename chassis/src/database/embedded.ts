/** What backup and restore need of embedded databases. */

export { prepareRestored } from './sqlite/prepare-restored.ts'
export { withoutProcesses } from './sqlite/process-registry.ts'
export { restoringFile } from './sqlite/restoring.ts'
export { copyAtOneInstant } from './sqlite/snapshots.ts'
