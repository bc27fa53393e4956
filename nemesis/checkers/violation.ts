import type { Operation } from '../history.ts'

/** What a checker found: a promise that a history breaks, and the few operations that show it. */
export type Violation = {
  readonly key: string
  readonly message: string
  readonly operations: readonly Operation[]
}
