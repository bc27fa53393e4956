import { Gauge } from '../telemetry/index.ts'
import type { Metrics } from '../telemetry/index.ts'

const unitBuckets = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000]

/** Durations of the operations on one database, by name. */
export type OperationDurations = {
  /** The function, with the durations of its calls. */
  timed<A extends unknown[], R>(operation: string, run: (...args: A) => R): (...args: A) => R
  observe(operation: string, durationMs: number): void
}

/** What group commit does with the units of one database. */
export type CommitMeasures = {
  /** Counts the units of one commit. */
  committed(units: number): void
  /** Exports how many wait for one. */
  watch(waiting: () => number): void
}

/** Exports how long the operations on a database take, whose system OpenTelemetry names so. */
export function exportOperationDurations(metrics: Metrics, system: string): OperationDurations {
  const durations = metrics.histogram({
    name: 'db_client_operation_duration_seconds',
    help: 'Time of operations on the database, with the wait for a connection or for a commit that they share.',
  })
  const seriesOf = (operation: string) =>
    durations.series({ db_system_name: system, db_operation_name: operation })

  return {
    timed(operation, run) {
      const series = seriesOf(operation)
      return (...args) => {
        const startedAt = performance.now()
        const done = () => durations.observe(series, (performance.now() - startedAt) / 1_000)
        const result = run(...args)
        if (result instanceof Promise) result.then(done, done)
        else done()
        return result
      }
    },
    observe: (operation, durationMs) => durations.observe(seriesOf(operation), durationMs / 1_000),
  }
}

/** Exports how many units share a commit, and how many wait for one. */
export function exportCommits(metrics: Metrics): CommitMeasures {
  const units = metrics.histogram({
    name: 'quintet_commit_units',
    help: 'Units that were committed together, with one wait for the disk.',
    buckets: unitBuckets,
  })
  const series = units.series()
  let waiting = () => 0
  new Gauge({
    name: 'quintet_commits_waiting',
    help: 'Units that wait for their commit, including those that are being committed.',
    registers: [metrics.registry],
    collect() {
      this.set(waiting())
    },
  })
  return {
    committed: (count) => units.observe(series, count),
    watch(read) {
      waiting = read
    },
  }
}
