import { setTimeout as pause } from 'node:timers/promises'
import type { EngineName } from '@quintet/backends'
import type { ServiceName } from '@quintet/contracts/topology'
import { fault } from '../faults/fault.ts'
import type { Fault } from '../faults/fault.ts'
import { faultsOf, startFaultyEngine } from '../faults/faulty-engine.ts'
import type { FaultyEngine } from '../faults/faulty-engine.ts'
import { startService } from '../faults/service-process.ts'
import type { Environment, ServiceProcess } from '../faults/service-process.ts'
import type { Address } from '../load/load.ts'
import type { System } from './scenario.ts'

/** What scenarios are made of. Each part is closed with the system, or at once where another part cannot be started. */

type Part = { close(): unknown }

export async function assemble(
  start: (closeLater: <P extends Part>(part: P) => P) => Promise<Omit<System, 'close'>>,
): Promise<System> {
  const parts: Part[] = []
  const close = async () => {
    for (const part of parts.toReversed()) await part.close()
  }
  try {
    const system = await start((part) => {
      parts.push(part)
      return part
    })
    return { ...system, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** A process of a service. Its name is that of the service, with its number where there are several. */
type Replica = {
  readonly process: ServiceProcess
  readonly address: Address
  readonly faults: readonly Fault[]
  close(): Promise<void>
}

export async function startReplicas(
  service: ServiceName,
  environments: readonly Environment[],
): Promise<Replica[]> {
  // One after the other: the first creates an embedded database.
  const replicas: Replica[] = []
  for (const [i, environment] of environments.entries()) {
    const process = await startService(service, environment)
    const name = environments.length === 1 ? service : `${service} ${i + 1}`
    replicas.push({
      process,
      address: { name, url: process.url },
      faults: [
        fault(`${name}: kill`, process.kill, () => restart(process)),
        fault(`${name}: stop`, process.pause, process.resume),
      ],
      close: process.kill,
    })
  }
  return replicas
}

const restartMsMax = 40_000

/** A service may end at its start while something that it needs is away, and is then started again, as a process manager does. */
async function restart(process: ServiceProcess): Promise<void> {
  for (const giveUpAt = performance.now() + restartMsMax; ; await pause(500))
    try {
      return await process.restart()
    } catch (error) {
      if (performance.now() > giveUpAt) throw error
    }
}

type Engine = FaultyEngine & { readonly faults: readonly Fault[] }

export async function startEngine(name: EngineName): Promise<Engine> {
  const engine = await startFaultyEngine(name)
  return { ...engine, faults: faultsOf(engine).map((one) => named(name, one)) }
}

/** The fault under the name of its target. */
export function named(target: string, one: Fault): Fault {
  return fault(`${target}: ${one.name}`, one.begin, one.end)
}
