import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { ServiceName } from '@quintet/contracts/topology'
import { greedyClient, slowReaders } from '../faults/client-faults.ts'
import { createShiftedClock, jumpingClock } from '../faults/clock-faults.ts'
import { fault } from '../faults/fault.ts'
import type { Fault } from '../faults/fault.ts'
import { exhaustedDescriptors, stalledDisk, stallSkipReason } from '../faults/process-faults.ts'
import { startService } from '../faults/service-process.ts'
import type { Environment, ServiceProcess } from '../faults/service-process.ts'
import type { Address } from '../load/load.ts'
import type { CloseLater } from './assemble.ts'
import { named } from './named.ts'
import type { System } from './scenario.ts'

/** A process of a service. Its name is that of the service, with its number where there are several. */
type Replica = {
  readonly process: ServiceProcess
  readonly address: Address
  readonly faults: readonly Fault[]
}

export type ReplicaOptions = {
  readonly closeLater: CloseLater
  /** For the files of their clocks. */
  readonly folder: string
  readonly count?: number
  /** A list that slow clients read. */
  readonly list: string
}

const jumpMs = 3_600_000
/** The clock of the second is so much ahead of that of the first, and so on. */
const differenceMs = 1_500
const restartMsMax = 40_000

export async function startReplicas(
  service: ServiceName,
  environment: Environment,
  { closeLater, folder, list, count = 1 }: ReplicaOptions,
): Promise<Replica[]> {
  const replicas: Replica[] = []
  // One after the other: the first creates an embedded database.
  for (let number = 1; number <= count; number++) {
    const clock = createShiftedClock(join(folder, `${service}-${number}.clock`), (number - 1) * differenceMs)
    const process = await startService(service, { ...environment, ...clock.environment })
    closeLater({ close: process.kill })
    const name = count === 1 ? service : `${service} ${number}`
    const ids = () => [process.id()]
    const faults = [
      fault('kill', process.kill, () => restart(process)),
      fault('terminate', process.terminate, () => restart(process)),
      fault('stop', process.pause, process.resume),
      exhaustedDescriptors(ids),
      ...(stallSkipReason() === false ? [stalledDisk(ids)] : []),
      jumpingClock(clock, jumpMs),
      jumpingClock(clock, -jumpMs),
      slowReaders(process.url, list),
      greedyClient(process.url),
    ]
    const address = { name, url: process.url }
    replicas.push({ process, address, faults: faults.map((one) => named(name, one)) })
  }
  return replicas
}

/** The part of a system that its replicas are, with its other targets. Clients use all of the replicas. */
export function systemOf(
  replicas: readonly Replica[],
  otherTargets: System['targets'],
): Pick<System, 'targets' | 'addresses' | 'processes'> {
  return {
    targets: [...replicas.map(({ faults }) => faults), ...otherTargets],
    addresses: replicas.map(({ address }) => address),
    processes: replicas.map(({ process }) => process),
  }
}

/** A service may end at its start while something that it needs is away, and is then started again, as a process manager does. */
async function restart(process: ServiceProcess): Promise<void> {
  for (const giveUpAt = performance.now() + restartMsMax; ; await pause(500))
    try {
      return await process.restart()
    } catch (error) {
      if (performance.now() > giveUpAt) throw error
    }
}
