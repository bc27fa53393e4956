import { mkdirSync } from 'node:fs'
import type { Engine, Place } from './engine.ts'
import { makeFolder } from './places.ts'
import { isRunning, start, stop } from './processes.ts'
import type { StartOptions } from './processes.ts'

/** Installs and initializes an engine where needed, starts the processes that do not run, and waits until it responds. */
export async function startEngine(engine: Engine, place: Place, options: StartOptions = {}): Promise<void> {
  makeFolder(place.folder)
  mkdirSync(place.tools, { recursive: true })
  await engine.install(place.tools)
  await engine.prepare(place)
  for (const program of engine.programs(place)) await start(program, place.folder, options)
}

/** Stops the processes of an instance in reverse order; false if none was running. */
export async function stopEngine(engine: Engine, place: Place, signal?: NodeJS.Signals): Promise<boolean> {
  let stopped = false
  for (const program of engine.programs(place).toReversed())
    stopped = (await stop(program, place.folder, signal)) || stopped
  return stopped
}

/** Whether all processes of an instance are running, according to their process ids. */
export function isEngineRunning(engine: Engine, place: Place): boolean {
  return engine.programs(place).every((program) => isRunning(program, place.folder))
}
