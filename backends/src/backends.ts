import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { composeDown, composeRunning, composeUp, dockerAnswers } from './docker.ts'
import type { Engine } from './engine.ts'
import { runsHere, startEngine, stopEngine } from './native.ts'
import { installPackages } from './packages.ts'
import { dataFolder, removeFolder, sharedPlace } from './places.ts'

export type Way = 'docker' | 'native'
export type State =
  | { readonly answers: true; readonly by: Way | 'others' }
  | { readonly answers: false; readonly reason: string }

/** How engines are had here: by Docker where it answers, else natively. */
export async function wayHere(): Promise<Way> {
  return (await dockerAnswers()) ? 'docker' : 'native'
}

/**
 * Brings engines up side by side, each until it answers, and says of each how that went as soon as it is known. What
 * is up already stays as it is.
 */
export async function bringUp(
  engines: readonly Engine[],
  way: Way,
  tell: (engine: Engine, state: State) => void,
): Promise<void> {
  await alone(async () => {
    const begin = way === 'docker' ? upByDocker : await nativeStarter(engines)
    const up = (engine: Engine): Promise<State> =>
      begin(engine).then(
        (by) => ({ answers: true, by }),
        (error: Error) => ({ answers: false, reason: error.message }),
      )
    await Promise.all(engines.map(async (engine) => tell(engine, await up(engine))))
  })
}

/** Stops what `bringUp` has started, and nothing else; true where that was so. What it stores can go with it. */
export async function takeDown(engine: Engine, remove: boolean): Promise<boolean> {
  const place = sharedPlace(engine)
  const stopped = await stopEngine(engine, place)
  if (remove) removeFolder(place.folder)
  if (!(await dockerAnswers())) return stopped
  const contained = (await composeRunning()).includes(engine.name)
  if (contained || remove) await composeDown(engine.name, remove)
  return stopped || contained
}

/** Whether it answers at its address, and whose it is. */
export async function stateOf(engine: Engine): Promise<State> {
  const fault = await faultOf(engine)
  if (fault !== undefined) return { answers: false, reason: fault }
  if (runsHere(engine, sharedPlace(engine))) return { answers: true, by: 'native' }
  const containers = (await dockerAnswers()) ? await composeRunning() : []
  return { answers: true, by: containers.includes(engine.name) ? 'docker' : 'others' }
}

/** Packages one engine after the other, as only one installation may run at a time; then each on its own. */
async function nativeStarter(engines: readonly Engine[]): Promise<(engine: Engine) => Promise<Way>> {
  const faults = new Map<Engine, Error>()
  for (const engine of engines)
    await supply(engine).catch((error: Error) => {
      faults.set(engine, error)
    })
  return async (engine) => {
    const fault = faults.get(engine)
    if (fault !== undefined) throw fault
    return upNatively(engine)
  }
}

async function supply(engine: Engine): Promise<void> {
  const packages = engine.missingPackages()
  if (packages.length > 0) await installPackages(packages)
}

async function upNatively(engine: Engine): Promise<Way> {
  const place = sharedPlace(engine)
  if (!runsHere(engine, place) && (await faultOf(engine)) === undefined) throw new Error(takenBy(engine))
  await startEngine(engine, place)
  return 'native'
}

async function upByDocker(engine: Engine): Promise<Way> {
  if (runsHere(engine, sharedPlace(engine))) return 'native'
  await composeUp(engine.name)
  await engine.greet(new URL(engine.url(engine.ports[0])))
  return 'docker'
}

function takenBy({ ports: [port], title }: Engine): string {
  return `Port ${port} is where it would listen, and a ${title} answers there that was not started by this command.`
}

function faultOf(engine: Engine): Promise<string | undefined> {
  return engine.greet(new URL(engine.url(engine.ports[0]))).then(
    () => undefined,
    (error: Error) => error.message,
  )
}

/** Two that start engines at the same time would start them twice. */
async function alone(work: () => Promise<void>): Promise<void> {
  const release = lock()
  process.once('exit', release)
  try {
    await work()
  } finally {
    release()
    process.off('exit', release)
  }
}

function lock(): () => void {
  mkdirSync(dataFolder(), { recursive: true })
  const file = join(dataFolder(), 'up.lock')
  const holder = existsSync(file) ? readFileSync(file, 'utf8') : ''
  if (holder !== '' && !existsSync(`/proc/${holder}`)) rmSync(file)
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' })
  } catch {
    throw new Error(`Engines are being brought up by process ${holder}: wait until it has ended.`)
  }
  return () => rmSync(file, { force: true })
}
