import type { StorageName } from '@quintet/backends'
import type { Fault } from '../faults/fault.ts'
import type { ServiceProcess } from '../faults/service-process.ts'
import type { Load, LoadParts } from '../load/load.ts'

/** A system under load, what can happen to it, and what its clients do. */
export type Scenario = {
  readonly name: string
  /** For the usage. */
  readonly summary: string
  /** Which engines it starts; none where all storage is embedded. */
  readonly engines: readonly StorageName[]
  /** Whether each operation must have an outcome, whatever the faults. */
  readonly isAvailable?: boolean
  /** `folder` is for data. Cleans up after itself if it rejects. */
  start(folder: string): Promise<System>
}

export type System = {
  /** By target: of one target there is one fault at a time. */
  readonly targets: readonly (readonly Fault[])[]
  /** What the history of each load is called, and how to make the load. */
  readonly loads: Readonly<Record<string, (parts: LoadParts) => Load | Promise<Load>>>
  readonly addresses: LoadParts['addresses']
  readonly processes: readonly ServiceProcess[]
  close(): Promise<void>
}
