import type { Database, Statement } from '../../database/index.ts'
import type { FailureLog } from '../../telemetry/index.ts'
import type { QueueTables } from './statements.ts'

/** The statements that record outcomes of messages, until they are committed together. */
export function createOutcomes(database: Database<QueueTables>, log: FailureLog) {
  const commits = new Set<Promise<unknown>>()
  let statements: Statement[] = []

  /** If the commit fails the leases expire, and the messages are delivered again. */
  function commit(): void {
    if (statements.length === 0) return
    const commit = database.commit(statements).catch(log.failed)
    statements = []
    commits.add(commit)
    void commit.finally(() => commits.delete(commit))
  }

  return {
    add(...unit: readonly Statement[]): void {
      statements.push(...unit)
    },

    commit,

    /** Commits, and resolves when all commits are over. */
    async flush(): Promise<void> {
      commit()
      await Promise.all(commits)
    },
  }
}
