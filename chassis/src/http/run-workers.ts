import cluster from 'node:cluster'
import closeWithGrace from 'close-with-grace'
import type { TObject } from 'typebox'
import { shareOfLimits } from '../config/index.ts'
import type { Logger } from '../telemetry/index.ts'
import { startWorkers } from '../workers/index.ts'
import { chosenPorts } from './listen.ts'
import { addressesOf } from './start-faults.ts'
import type { StartingService } from './start-faults.ts'

/** How many processes to start: none where this one is a worker itself, as in the cluster mode of PM2. */
export function workersToStart(count: number): number {
  return cluster.isPrimary && count > 1 ? count : 0
}

/**
 * Runs this program in `count` workers until a signal, and prints what they serve once all do. `services` have the settings of those that
 * each of them runs, which have been found to be valid. `startBeside` starts what runs once, in this process, with the ports that were
 * chosen, by setting.
 */
export async function runWorkers(
  services: readonly (StartingService & { readonly settings: TObject })[],
  count: number,
  logger: Logger,
  startBeside?: (ports: Readonly<Record<string, string>>) => Promise<Beside>,
): Promise<void> {
  const ports = await chosenPorts(addressesOf(services))
  const shares = services.map(({ settings, values }) => shareOfLimits(settings, values, count))
  const environment = Object.assign({}, ports, ...shares)
  const workers = await startWorkers({ count, environment, logger })
  if (workers === undefined) {
    process.exitCode = 1
    return
  }
  const beside = await startBeside?.(ports).catch(async (error: unknown) => {
    await workers.close()
    throw error
  })
  // Each worker ends within its own time.
  closeWithGrace({ delay: false, logger: false }, async () => {
    await workers.close()
    await beside?.close()
  })
  process.stderr.write(workers.text + (beside?.lines ?? ''))
}

type Beside = { readonly lines: string; close(): Promise<void> }
