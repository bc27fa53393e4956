import { createFailureLog } from '../telemetry/index.ts'
import type { Logger } from '../telemetry/index.ts'

const intervalMs = 1_000
const rowsPerBatchMax = 500
const batchesPerRoundMax = 20

const failureTexts = {
  failing:
    'expired rows cannot be removed, which is retried every second: check that the database responds and has disk space, for example by quintet doctor',
  recovered: 'expired rows are removed again',
}

/** Removes at most `limit` expired rows of one kind; resolves to how many it removed. */
export type Sweep = (limit: number) => Promise<number>

/** Sweeps once a second in bounded batches, each a unit of its own, so that no sweep blocks writers for long. */
export function startSweeper(sweeps: readonly Sweep[], logger: Logger): { stop(): Promise<void> } {
  const log = createFailureLog(logger, failureTexts)
  let round: Promise<void> = Promise.resolve()
  let stopped = false
  let timer: NodeJS.Timeout | undefined

  async function runRound(): Promise<void> {
    for (const sweep of sweeps) {
      for (let batch = 0; batch < batchesPerRoundMax && !stopped; batch++) {
        if ((await sweep(rowsPerBatchMax)) < rowsPerBatchMax) break
      }
    }
  }

  function schedule(): void {
    timer = setTimeout(() => {
      round = runRound()
        .then(log.succeeded, log.failed)
        .finally(() => {
          if (!stopped) schedule()
        })
    }, intervalMs).unref()
  }

  schedule()
  return {
    async stop() {
      stopped = true
      clearTimeout(timer)
      await round
    },
  }
}
