import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { composeDown, composeRunning, composeUp, isDockerAvailable } from './docker.ts'
import type { Engine } from './engine.ts'
import { isEngineRunning, startEngine, stopEngine } from './native.ts'
import { installPackages } from './packages.ts'
import { dataFolder, removeFolder, sharedPlace } from './places.ts'

type Runtime = 'docker' | 'native'
export type State =
  | { readonly isUp: true; readonly runtime: Runtime | 'external' }
  | { readonly isUp: false; readonly reason: string }

/** Docker where its daemon responds, otherwise native processes. */
export async function defaultRuntime(): Promise<Runtime> {
  return (await isDockerAvailable()) ? 'docker' : 'native'
}

/**
 * Starts engines in parallel, waits until each one responds, and reports each result as soon as there is one. An engine
 * that is up stays as it is.
 */
export async function startEngines(
  engines: readonly Engine[],
  runtime: Runtime,
  report: (engine: Engine, state: State) => void,
): Promise<void> {
  await withLock(async () => {
    const startOne = runtime === 'docker' ? startByDocker : await nativeStarter(engines)
    const up = (engine: Engine): Promise<State> =>
      startOne(engine).then(
        (by) => ({ isUp: true, runtime: by }),
        (error: Error) => ({ isUp: false, reason: error.message }),
      )
    await Promise.all(engines.map(async (engine) => report(engine, await up(engine))))
  })
}

/** Stops an engine that `startEngines` has started, and deletes its data if `remove` is set; false if it did not run. */
export async function shutDownEngine(engine: Engine, remove: boolean): Promise<boolean> {
  const place = sharedPlace(engine)
  const stopped = await stopEngine(engine, place)
  if (remove) removeFolder(place.folder)
  if (!(await isDockerAvailable())) return stopped
  const inContainer = (await composeRunning()).includes(engine.name)
  if (inContainer || remove) await composeDown(engine.name, remove)
  return stopped || inContainer
}

/** Whether an engine responds at its address, and what runs it. */
export async function stateOf(engine: Engine): Promise<State> {
  const fault = await faultOf(engine)
  if (fault !== undefined) return { isUp: false, reason: fault }
  if (isEngineRunning(engine, sharedPlace(engine))) return { isUp: true, runtime: 'native' }
  const containers = (await isDockerAvailable()) ? await composeRunning() : []
  return { isUp: true, runtime: containers.includes(engine.name) ? 'docker' : 'external' }
}

/** Installs packages for one engine after the other, since apt runs one installation at a time. */
async function nativeStarter(engines: readonly Engine[]): Promise<(engine: Engine) => Promise<Runtime>> {
  const faults = new Map<Engine, Error>()
  for (const engine of engines)
    await installMissingPackages(engine).catch((error: Error) => {
      faults.set(engine, error)
    })
  return async (engine) => {
    const fault = faults.get(engine)
    if (fault !== undefined) throw fault
    return startNatively(engine)
  }
}

async function installMissingPackages(engine: Engine): Promise<void> {
  const packages = engine.missingPackages()
  if (packages.length > 0) await installPackages(packages)
}

async function startNatively(engine: Engine): Promise<Runtime> {
  const place = sharedPlace(engine)
  if (!isEngineRunning(engine, place) && (await faultOf(engine)) === undefined)
    throw new Error(portConflict(engine))
  await startEngine(engine, place)
  return 'native'
}

async function startByDocker(engine: Engine): Promise<Runtime> {
  if (isEngineRunning(engine, sharedPlace(engine))) return 'native'
  await composeUp(engine.name)
  await engine.ping(new URL(engine.url(engine.ports[0])))
  return 'docker'
}

function portConflict({ ports: [port], title }: Engine): string {
  return `Port ${port} is in use by a ${title} that this command did not start.`
}

function faultOf(engine: Engine): Promise<string | undefined> {
  return engine.ping(new URL(engine.url(engine.ports[0]))).then(
    () => undefined,
    (error: Error) => error.message,
  )
}

/** Two processes that start engines concurrently would start each of them twice. */
async function withLock(work: () => Promise<void>): Promise<void> {
  const release = acquireLock()
  process.once('exit', release)
  try {
    await work()
  } finally {
    release()
    process.off('exit', release)
  }
}

function acquireLock(): () => void {
  mkdirSync(dataFolder(), { recursive: true })
  const file = join(dataFolder(), 'up.lock')
  const holder = existsSync(file) ? readFileSync(file, 'utf8') : ''
  if (holder !== '' && !existsSync(`/proc/${holder}`)) rmSync(file)
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' })
  } catch {
    throw new Error(`Process ${holder} is starting engines: wait until it has ended.`)
  }
  return () => rmSync(file, { force: true })
}
