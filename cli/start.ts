import { systemClock } from '@quintet/chassis/clock'
import {
  ConfigError,
  loadConfig,
  readSettings,
  readWholeNumber,
  telemetrySchema,
  tlsOf,
  validValues,
  workersMax,
} from '@quintet/chassis/config'
import type { Settings } from '@quintet/chassis/config'
import { unknownMigrationsOf } from '@quintet/chassis/database'
import { logUnusedStorage } from '@quintet/chassis/diagnosis'
import { operatorMessage } from '@quintet/chassis/errors'
import {
  closeOnSignal,
  hasOperationsPort,
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
import { consoleSettings } from '@quintet/console/config'
import { serviceNames, urlSetting } from '@quintet/contracts/topology'
import type { ServiceName } from '@quintet/contracts/topology'
import { services } from '../topology.ts'
import { embeddedFiles } from './backup/embedded-storage.ts'
import { reachable, startConsole } from './console.ts'
import {
  configOf,
  listeningAddressOf,
  programsFrom,
  schemaOf,
  settingsFaults,
  startingPrograms,
  storageOf,
  storageUser,
  throwFaults,
} from './services.ts'
import type { Program } from './services.ts'
import { createSupervised } from './supervisor.ts'
import type { SupervisedService } from './supervisor.ts'
import { ArgumentError, parseArguments, UsageError } from './usage-error.ts'

export const startUsage =
  '  quintet start [service…]                  start these services, or the console, in this process; all when none is named; [--workers <count>]\n'

export const startOptions = { workers: { type: 'string' } } as const

/**
 * `quintet start`: runs services in this process, or in several that share their ports, and prints a line for each once all are ready.
 * The console runs once, in the process that was started.
 */
export async function start(words: readonly string[]): Promise<void> {
  const { workers, others } = workersAndOthers(words)
  const named = programsFrom(others)
  const worker = currentWorker(process.env)
  const given = new Map(readSettings(process.env))
  if (workers !== undefined) given.set('WORKERS', workersFrom(workers))
  const names = serviceNames.filter((name) => named.length === 0 || named.includes(name))
  const hasConsole = wantsConsole(named, given, worker)
  const programs: readonly Program[] = hasConsole ? [...names, 'console'] : names
  const settings = worker?.hasPrimary ? given : await settingsForStart(programs, given)
  const logger = createLogger({ service: 'quintet', level: 'info' })
  const starting = startingPrograms(names, settings)
  const count = workersToStart(Number(starting[0]?.values.WORKERS))
  const beside = hasConsole ? consoleBeside(names, settings) : undefined
  if (count > 0) await runWorkers(starting, count, logger, beside)
  else await startServices(names, settings, { logger, worker, hasConsole })
}

/** Where it is named; and where all is started, but for processes that PM2 starts several of. */
function wantsConsole(named: readonly Program[], settings: Settings, worker: Worker | undefined): boolean {
  if (worker?.hasPrimary === true) return false
  const isOff = validValues(consoleSettings, settings).CONSOLE === 'off'
  if (named.includes('console') && isOff)
    throw new UsageError('CONSOLE is off, so there is no console to start: set it to full or read.')
  return named.includes('console') || (named.length === 0 && worker === undefined && !isOff)
}

/** What is closed at the end. */
type Closable = Parameters<typeof closeOnSignal>[0][number]

async function startServices(
  names: readonly ServiceName[],
  given: Settings,
  { logger, worker, hasConsole }: { logger: Logger; worker: Worker | undefined; hasConsole: boolean },
): Promise<void> {
  const settings = new Map(given)
  const telemetry = openTelemetry(loadConfig(telemetrySchema, settings), { logger })
  const ofProcess = serviceOfProcess(names, settings)
  const running = names.map((name) =>
    createSupervised({
      name,
      create: async () => {
        const metrics = metricsIn(worker, name, { isOfProcess: name === ofProcess })
        return services[name].createApp(settings, { metrics, telemetry })
      },
      address: listeningAddressOf(name, settings),
      isShared: worker?.hasPrimary ?? false,
      clock: systemClock,
    }),
  )
  // What closes first is last: the gateway, so that it forwards no request to a closed service.
  const apps: Closable[] = [...running]
  const begin = async (service: SupervisedService): Promise<string> => {
    await service.control.start()
    const [url, app] = [service.url(), service.app()]
    keepAddresses(service, settings)
    return lineOf(service.name, url, settings) + (app === undefined ? '' : redirectLine(app, url))
  }
  try {
    // They start in parallel, because each waits for threads and disks; none is closed before all have started or failed.
    const first = running.filter(({ name }) => name !== 'gateway')
    const lines = valuesOrThrow(first, await Promise.allSettled(first.map(begin)))
    for (const gateway of running.filter(({ name }) => name === 'gateway')) lines.push(await begin(gateway))
    const shared = sharedSettings(names, settings)
    const ofOperators =
      names.length === 0 ? undefined : await listenForOperations(running, shared, { logger, worker })
    // It closes after the others, so that operators see them close.
    if (ofOperators !== undefined) apps.unshift(ofOperators.app)
    lines.push(ofOperators?.line ?? '')
    closeOnSignal(apps, { graceMs: Number(shared.SHUTDOWN_GRACE_MS), logger, telemetry })
    if (worker !== undefined) worker.ready(lines.join(''))
    // Standard output is for the log.
    else process.stderr.write(lines.join(''))
    if (hasConsole) {
      // It comes when the services are there, which so start as fast as without it.
      const operationsUrl = ofOperators && reachable(ofOperators.url)
      const started = await startConsole(given, { running, operationsUrl, keep: telemetry?.line })
      apps.unshift(started.app)
      process.stderr.write(started.line)
    }
    for (const name of names) await logUnusedStorage(logger, storageUser(name, settings))
  } catch (error) {
    for (const app of apps.toReversed()) await app.close()
    await telemetry?.close()
    throw error
  }
}

/** Where the service is, for the gateway; and the ports that it has again after a start by the console. */
function keepAddresses(
  service: SupervisedService,
  settings: Map<string, { value: string; source: 'environment' | '.env' }>,
): void {
  const { name } = service
  const url = urlSetting(name)
  if (!settings.has(url)) settings.set(url, { value: reachable(service.url()), source: 'environment' })
  const redirect = service.app()?.redirect
  if (redirect !== undefined)
    settings.set(`${name.toUpperCase()}_HTTP_PORT`, {
      value: String(redirect.boundPort()),
      source: 'environment',
    })
}

/** The console beside workers, whose services it cannot stop: it outlives each of them, and there is one of it. */
function consoleBeside(names: readonly ServiceName[], given: Settings) {
  return async (ports: Readonly<Record<string, string>>) => {
    const settings = new Map(given)
    const set = (name: string, value: string) => settings.set(name, { value, source: 'environment' })
    for (const [name, value] of Object.entries(ports)) set(name, value)
    for (const name of names)
      if (!settings.has(urlSetting(name))) set(urlSetting(name), expectedUrl(name, settings))
    const { app, line } = await startConsole(settings, {
      running: [],
      operationsUrl: undefined,
      keep: undefined,
    })
    return { lines: line, close: async () => void (await app.close()) }
  }
}

/** Where this machine reaches a service that listens by its settings. */
function expectedUrl(name: ServiceName, settings: Settings): string {
  const { host, port } = listeningAddressOf(name, settings)
  const hasTls = tlsOf(configOf(name, settings), name === 'gateway' ? 'GATEWAY_' : '') !== undefined
  const authority = host.includes(':') ? `[${host}]` : host
  return reachable(`${hasTls ? 'https' : 'http'}://${authority}:${port}`)
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

/** The settings of these programs; throws one error with all that is wrong with them, or in the way of a start. */
async function settingsForStart(programs: readonly Program[], settings: Settings): Promise<Settings> {
  const names = programs.filter((name) => name !== 'console')
  throwFaults([
    ...settingsFaults(programs, settings),
    ...(await startFaults(startingPrograms(programs, settings))),
    ...(await laterTables(names, settings)),
  ])
  return settings
}

/** The service with the metrics of the process, where there is no port for operations, which has them otherwise. */
function serviceOfProcess(names: readonly ServiceName[], settings: Settings): ServiceName | undefined {
  if (hasOperationsPort(sharedSettings(names, settings))) return undefined
  return names.includes('gateway') ? 'gateway' : names[0]
}

/** The settings that all programs have; of one that runs, since others need not be valid. */
function sharedSettings(
  [name = 'console']: readonly Program[],
  settings: Settings,
): Readonly<Record<string, unknown>> {
  return loadConfig(schemaOf(name), settings)
}

/** A sentence for each database file of these services that has tables of a later version, queues included. */
async function laterTables(names: readonly ServiceName[], settings: Settings): Promise<string[]> {
  const files = embeddedFiles(settings, names)
  const faults = files.map(({ path, migrations }) => unknownMigrationsOf(`sqlite:${path}`, migrations))
  return (await Promise.all(faults)).filter((fault) => fault !== undefined)
}

/** The values of all services; throws one error for all that failed, unless one of those is a fault of the program. */
function valuesOrThrow<T>(
  started: readonly SupervisedService[],
  results: readonly PromiseSettledResult<T>[],
): T[] {
  const messages = new Set<string>()
  const values: T[] = []
  for (const [index, result] of results.entries()) {
    if (result.status === 'fulfilled') values.push(result.value)
    else messages.add(messageOf(result.reason, started[index]?.name))
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
