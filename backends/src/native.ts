import { mkdirSync } from 'node:fs'
import type { Engine, Place } from './engine.ts'
import { makeFolder } from './places.ts'
import { isRunning, start, stop } from './processes.ts'
import type { StartOptions } from './processes.ts'

/** Lays out the engine's store where there is none, and starts what does not run; resolves when it answers. */
export async function startEngine(engine: Engine, place: Place, options: StartOptions = {}): Promise<void> {
  makeFolder(place.folder)
  mkdirSync(place.tools, { recursive: true })
  await engine.install(place.tools)
  await engine.prepare(place)
  for (const program of engine.programs(place)) await start(program, place.folder, options)
}

/** Stops what runs there, the last started first; false when nothing did. */
export async function stopEngine(engine: Engine, place: Place, signal?: NodeJS.Signals): Promise<boolean> {
  let stopped = false
  for (const program of engine.programs(place).toReversed())
    stopped = (await stop(program, place.folder, signal)) || stopped
  return stopped
}

/** Whether all of it runs there, as far as its process ids tell. */
export function runsHere(engine: Engine, place: Place): boolean {
  return engine.programs(place).every((program) => isRunning(program, place.folder))
}
