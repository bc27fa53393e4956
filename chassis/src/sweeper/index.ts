import type { Logger } from '../telemetry/index.ts'

const intervalMs = 1_000
const rowsPerBatchMax = 500
const batchesPerRoundMax = 20

/** Removes at most `limit` expired rows of one kind; resolves to how many it removed. */
export type Sweep = (limit: number) => Promise<number>

/** Sweeps once a second in bounded batches, each a unit of its own, so that no sweep blocks writers for long. */
export function startSweeper(sweeps: readonly Sweep[], logger: Logger): { stop(): Promise<void> } {
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
        .catch((err: unknown) => logger.warn({ err }, 'the sweeper failed and will retry'))
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
