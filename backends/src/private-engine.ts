import { rmSync } from 'node:fs'
import type { EngineName, Place } from './engine.ts'
import { engines } from './engines.ts'
import { startEngine, stopEngine } from './native.ts'
import { privatePlace } from './places.ts'
import { processIds, signalAll } from './processes.ts'

/** A private instance of an engine, for tests that kill or pause it. */
export type PrivateEngine = {
  readonly url: string
  /** Kills all of its processes with SIGKILL. */
  kill(): Promise<void>
  /** Shuts it down in an orderly way. */
  stop(): Promise<void>
  /** Stops it if it runs, and starts it again with the same data at the same address. */
  restart(): Promise<void>
  /** Suspends its processes: connections stay open and the kernel accepts new ones, but there is no response. */
  pause(): void
  resume(): void
  /** Closes the connections of all clients from its side; rejects for an engine whose clients can do that themselves. */
  closeConnections(): Promise<void>
  /** The ids of its processes; none while it is down. */
  processIds(): readonly number[]
  /** Kills it and removes its folder. */
  dispose(): Promise<void>
}

/** The Debian packages without which an engine cannot be started on this machine. */
export function missingPackages(name: EngineName): readonly string[] {
  return engines[name].missingPackages()
}

/**
 * Starts a private instance in a temporary folder, on a free port. It ends with this process, however that ends. The engine
 * must have been installed by `npm run backends -- up --native`. `advertisedPort` is that of a proxy through which it is used.
 */
export async function startPrivateEngine(
  name: EngineName,
  { advertisedPort }: Pick<Place, 'advertisedPort'> = {},
): Promise<PrivateEngine> {
  const engine = engines[name]
  const place = { ...(await privatePlace(engine)), ...(advertisedPort !== undefined && { advertisedPort }) }
  const removeFolder = () => rmSync(place.folder, { recursive: true, force: true })
  const signal = (one: 'SIGSTOP' | 'SIGCONT') => {
    for (const program of engine.programs(place)) signalAll(program, place.folder, one)
  }
  const end = async (how?: NodeJS.Signals) => {
    signal('SIGCONT')
    await stopEngine(engine, place, how)
  }
  const start = () => startEngine(engine, place, { endsWithParent: true })
  const dispose = async () => {
    await end('SIGKILL')
    removeFolder()
    process.off('exit', removeFolder)
  }

  process.once('exit', removeFolder)
  await start().catch(async (error) => {
    await dispose()
    throw error
  })
  return {
    url: engine.url(place.ports[0]),
    kill: () => end('SIGKILL'),
    stop: () => end(),
    restart: async () => {
      await end()
      await start()
    },
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    async closeConnections() {
      if (engine.closeConnections === undefined) throw new Error(`${engine.title} has no command for that.`)
      await engine.closeConnections(place)
    },
    processIds: () => engine.programs(place).flatMap((program) => processIds(program, place.folder)),
    dispose,
  }
}
