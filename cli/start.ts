import {
  ConfigError,
  loadConfig,
  readSettings,
  readWholeNumber,
  telemetrySchema,
  workersMax,
} from '@quintet/chassis/config'
import type { Settings } from '@quintet/chassis/config'
import { unknownMigrationsOf } from '@quintet/chassis/database'
import { logUnusedStorage } from '@quintet/chassis/diagnosis'
import { operatorMessage } from '@quintet/chassis/errors'
import type { App } from '@quintet/chassis/http'
import {
  closeOnSignal,
  hasOperationsPort,
  listen,
  listenForOperations,
  redirectLine,
  runWorkers,
  startFaults,
  workersToStart,
} from '@quintet/chassis/http'
import { createLogger, openTelemetry } from '@quintet/chassis/telemetry'
import type { Logger } from '@quintet/chassis/telemetry'
import { currentWorker, metricsIn } from '@quintet/chassis/workers'
import type { Worker } from '@quintet/chassis/workers'
import { serviceNames, urlSetting } from '@quintet/contracts/topology'
import type { ServiceName } from '@quintet/contracts/topology'
import { services } from '../topology.ts'
import { embeddedFiles } from './backup/embedded-storage.ts'
import {
  configOf,
  listeningAddressOf,
  servicesFrom,
  settingsFaults,
  startingServices,
  storageOf,
  storageUser,
  throwFaults,
} from './services.ts'
import { ArgumentError, parseArguments, UsageError } from './usage-error.ts'

export const startUsage =
  '  quintet start [service…]                  start these services in this process; all of them when none is named; [--workers <count>]\n'

export const startOptions = { workers: { type: 'string' } } as const

/**
 * `quintet start`: runs services in this process, or in several that share their ports, and prints a line for each once all are ready.
 */
export async function start(words: readonly string[]): Promise<void> {
  const { workers, others } = workersAndOthers(words)
  const wanted = servicesFrom(others)
  const names = serviceNames.filter((name) => wanted.includes(name))
  const worker = currentWorker(process.env)
  const given = new Map(readSettings(process.env))
  if (workers !== undefined) given.set('WORKERS', workersFrom(workers))
  const settings = worker?.hasPrimary ? given : await settingsForStart(names, given)
  const logger = createLogger({ service: 'quintet', level: 'info' })
  const starting = startingServices(names, settings)
  const count = workersToStart(Number(starting[0]?.values.WORKERS))
  if (count > 0) await runWorkers(starting, count, logger)
  else await startServices(names, settings, { logger, worker })
}

async function startServices(
  names: readonly ServiceName[],
  given: Settings,
  { logger, worker }: { logger: Logger; worker: Worker | undefined },
): Promise<void> {
  const settings = new Map(given)
  const running: App[] = []
  const telemetry = openTelemetry(loadConfig(telemetrySchema, settings), { logger })
  const ofProcess = serviceOfProcess(names, settings)
  // The gateway closes first, so that it forwards no request to a closed service.
  const close = async () => {
    for (const app of running.toReversed()) await app.close()
    await telemetry?.close()
  }
  const begin = async (name: ServiceName): Promise<string> => {
    const metrics = metricsIn(worker, name, { isOfProcess: name === ofProcess })
    const app = await services[name].createApp(settings, { metrics, telemetry })
    running.push(app)
    const address = await listen(app, listeningAddressOf(name, settings), {
      isShared: worker?.hasPrimary ?? false,
    })
    const url = urlSetting(name)
    if (!settings.has(url)) settings.set(url, { value: reachable(address), source: 'environment' })
    return lineOf(name, address, settings) + redirectLine(app, address)
  }
  try {
    // They start in parallel, because each waits for threads and disks; none is closed before all have started or failed.
    const first = names.filter((name) => name !== 'gateway')
    const lines = valuesOrThrow(first, await Promise.allSettled(first.map(begin)))
    if (names.includes('gateway')) lines.push(await begin('gateway'))
    const shared = sharedSettings(names, settings)
    // They have started in any order.
    const inOrder = names.flatMap((name) => running.filter(({ observed }) => observed.name === name))
    const ofOperators = await listenForOperations(inOrder, shared, { logger, worker })
    // It closes last, so that operators see the others close.
    if (ofOperators !== undefined) running.unshift(ofOperators.app)
    lines.push(ofOperators?.line ?? '')
    closeOnSignal(running, { graceMs: Number(shared.SHUTDOWN_GRACE_MS), logger, telemetry })
    if (worker !== undefined) worker.ready(lines.join(''))
    // Standard output is for the log.
    else process.stderr.write(lines.join(''))
    for (const name of names) await logUnusedStorage(logger, storageUser(name, settings))
  } catch (error) {
    await close()
    throw error
  }
}

/** Where this machine reaches a service that listens on all of its addresses: on one that a certificate can be for. */
function reachable(address: string): string {
  return address.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:')
}

/** The value of the option, and all else, in which a word that begins with a hyphen is no service. */
function workersAndOthers(words: readonly string[]) {
  const { values, tokens } = parseArguments({
    args: [...words],
    options: startOptions,
    allowPositionals: true,
    strict: false,
    tokens: true,
  })
  const others = tokens.flatMap((token) => {
    if (token.kind === 'positional') return token.value
    return token.kind === 'option' && token.name !== 'workers' ? token.rawName : []
  })
  return { workers: values.workers, others }
}

/** The setting that the option stands for. */
function workersFrom(value: string | boolean) {
  const count = readWholeNumber(String(value)) ?? 0
  if (count < 1 || count > workersMax)
    throw new ArgumentError(`--workers must be a whole number from 1 to ${workersMax}.`)
  return { value: String(count), source: 'environment' } as const
}

/** The settings of these services; throws one error with all that is wrong with them, or in the way of a start. */
async function settingsForStart(names: readonly ServiceName[], settings: Settings): Promise<Settings> {
  throwFaults([
    ...settingsFaults(names, settings),
    ...(await startFaults(startingServices(names, settings))),
    ...(await laterTables(names, settings)),
  ])
  return settings
}

/** The service with the metrics of the process, where there is no port for operations, which has them otherwise. */
function serviceOfProcess(names: readonly ServiceName[], settings: Settings): ServiceName | undefined {
  if (hasOperationsPort(sharedSettings(names, settings))) return undefined
  return names.includes('gateway') ? 'gateway' : names[0]
}

/** The settings that all services have; of one that runs, since others need not be valid. */
function sharedSettings([name = 'gateway']: readonly ServiceName[], settings: Settings) {
  return configOf(name, settings)
}

/** A sentence for each database file of these services that has tables of a later version, queues included. */
async function laterTables(names: readonly ServiceName[], settings: Settings): Promise<string[]> {
  const files = embeddedFiles(settings, names)
  const faults = files.map(({ path, migrations }) => unknownMigrationsOf(`sqlite:${path}`, migrations))
  return (await Promise.all(faults)).filter((fault) => fault !== undefined)
}

/** The values of all services; throws one error for all that failed, unless one of those is a fault of the program. */
function valuesOrThrow<T>(names: readonly ServiceName[], results: readonly PromiseSettledResult<T>[]): T[] {
  const messages = new Set<string>()
  const values: T[] = []
  for (const [index, result] of results.entries()) {
    if (result.status === 'fulfilled') values.push(result.value)
    else messages.add(messageOf(result.reason, names[index]))
  }
  if (messages.size > 0) throw new UsageError([...messages].join('\n'))
  return values
}

function messageOf(error: unknown, service: ServiceName | undefined): string {
  const message = error instanceof ConfigError ? error.message : operatorMessage(error, service)
  if (message === undefined) throw error
  return message
}

function lineOf(name: ServiceName, address: string, settings: Settings): string {
  const storage = storageOf(name, settings).map(({ shown }) => shown)
  const place = storage.length > 0 ? `   on ${storage.join(', ')}` : ''
  return `${name.padEnd(12)} ${address.padEnd(24)} docs ${address}/docs${place}\n`
}
