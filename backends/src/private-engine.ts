import { rmSync } from 'node:fs'
import type { EngineName } from './engine.ts'
import { engines } from './engines.ts'
import { startEngine, stopEngine } from './native.ts'
import { privatePlace } from './places.ts'
import { signalAll } from './processes.ts'

/** An instance of an engine that a test may treat as it likes. */
export type PrivateEngine = {
  readonly url: string
  /** Ends it as a loss of power would, as far as processes are concerned. */
  kill(): Promise<void>
  /** Ends it in its orderly way. */
  stop(): Promise<void>
  /** Starts it again, on what it has stored and under its address; ends it before where it runs. */
  restart(): Promise<void>
  /** Lets it hang: it keeps its connections, accepts new ones, and answers nothing. */
  pause(): void
  resume(): void
  /** Ends it and removes all that is left of it. */
  dispose(): Promise<void>
}

/**
 * Starts a private instance in a temporary folder, on a free port. It ends with this process, however that ends. Its
 * engine must be installed: `npm run backends -- up` has done that.
 */
export async function startPrivateEngine(name: EngineName): Promise<PrivateEngine> {
  const engine = engines[name]
  const place = await privatePlace(engine)
  const removeFolder = () => rmSync(place.folder, { recursive: true, force: true })
  const signal = (one: 'SIGSTOP' | 'SIGCONT') => {
    for (const program of engine.programs(place)) signalAll(program, place.folder, one)
  }
  const end = async (how?: NodeJS.Signals) => {
    signal('SIGCONT')
    await stopEngine(engine, place, how)
  }
  const start = () => startEngine(engine, place, { endsWithUs: true })
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
    dispose,
  }
}
