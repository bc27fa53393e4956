import { setTimeout as pause } from 'node:timers/promises'
import closeWithGrace from 'close-with-grace'
import type { Static, TObject } from 'typebox'
import {
  ConfigError,
  describeConfig,
  enterRepository,
  envFileFaults,
  faultsOf,
  loadConfig,
  readSettings,
  settingNamesOf,
  telemetrySchema,
  unknownSettings,
  validValues,
} from '../config/index.ts'
import type { Settings } from '../config/index.ts'
import { logUnusedStorage } from '../diagnosis/index.ts'
import { operatorMessage } from '../errors/index.ts'
import { createLogger, openTelemetry } from '../telemetry/index.ts'
import type { Logger, Metrics, Telemetry } from '../telemetry/index.ts'
import { currentWorker, metricsIn } from '../workers/index.ts'
import type { Worker } from '../workers/index.ts'
import type { App } from './app-options.ts'
import { addressOf, hasOperationsPort, listen, redirectLine } from './listen.ts'
import type { ServiceAddress } from './listen.ts'
import { listenForOperations } from './operations-listener.ts'
import { runWorkers, workersToStart } from './run-workers.ts'
import { portFaults, startFaults } from './start-faults.ts'

const shutdownTimeoutMs = 10_000

/**
 * Runs one service in this process, from any folder: reads its settings, starts it, prints its address, and closes it on a signal.
 * All faults of the settings, and all obstacles to a start, are reported at once; they, and faults of the system or of an engine,
 * end the process with exit code 1.
 */
export async function runService<T extends TObject>(
  service: {
    name: string
    settings: T
    create: (
      config: Readonly<Static<T>>,
      parts: { logger: Logger; metrics: Metrics; telemetry: Telemetry | undefined },
    ) => Promise<App>
    /** The queue that it consumes. */
    queue?: string
    /** The stream of events that it appends to. */
    stream?: string
  },
  { env, argv }: Pick<NodeJS.Process, 'env' | 'argv'>,
): Promise<void> {
  const { name, settings, create, queue, stream } = service
  const words = argv.slice(2)
  let telemetry: Telemetry | undefined
  if (words.length > 0) return endWithUsage(name, settings, words)
  try {
    enterRepository()
    const given = readSettings(env)
    const values = validValues(settings, given)
    const worker = currentWorker(env)
    if (!worker?.hasPrimary) {
      const faults = [...settingsFaults(name, settings, given), ...(await startFaults([{ name, values }]))]
      if (faults.length > 0) throw new ConfigError(faults)
    }
    const logger = createLogger({
      service: name,
      level: String(values.LOG_LEVEL),
      keep: (service, line) => telemetry?.line(service, line),
    })
    const count = workersToStart(Number(values.WORKERS))
    if (count > 0) return await runWorkers([{ name, settings, values }], count, logger)
    const config = loadConfig(settings, given)
    telemetry = openTelemetry(loadConfig(telemetrySchema, given), { logger })
    const metrics = metricsIn(worker, name, { isOfProcess: !hasOperationsPort(values) })
    const app = await create(config, { logger, metrics, telemetry })
    const address = addressOf(name, values)
    if (address === undefined) throw new TypeError(`${name} has no address.`)
    const { apps, lines } = await listenAll(app, address, values, { logger, worker })
    closeOnSignal(apps, { graceMs: Number(values.SHUTDOWN_GRACE_MS), logger, telemetry })
    if (worker !== undefined) worker.ready(lines)
    // Standard output is for the log.
    else process.stderr.write(lines)
    await logUnusedStorage(logger, { name, settings, config, queue, stream })
  } catch (error) {
    const message = error instanceof ConfigError ? error.message : operatorMessage(error, name)
    if (message === undefined) throw error
    process.stderr.write(`${message}\n`)
    process.exitCode = 1
  }
}

/** Listens for the clients of the app, and for operators. Gives what to close, that for operators last, and a line for each. */
async function listenAll(
  app: App,
  address: ServiceAddress,
  values: Readonly<Record<string, unknown>>,
  { logger, worker }: { logger: Logger; worker: Worker | undefined },
): Promise<{ readonly apps: readonly App[]; readonly lines: string }> {
  try {
    const url = await listen(app, address, { isShared: worker?.hasPrimary ?? false })
    const ofOperators = await listenForOperations([app], values, { logger, worker })
    const line = `${address.service.padEnd(12)} ${url}  docs ${url}/docs\n${redirectLine(app, url)}`
    if (ofOperators === undefined) return { apps: [app], lines: line }
    return { apps: [ofOperators.app, app], lines: line + ofOperators.line }
  } catch (error) {
    await app.close()
    throw error
  }
}

/** Prints what the program is, with all its settings and their defaults; fails for any other argument than `--help` or `-h`. */
function endWithUsage(name: string, settings: TObject, words: readonly string[]): void {
  const isHelp = words.length === 1 && (words[0] === '--help' || words[0] === '-h')
  const described = describeConfig(settings, new Map())
  const width = Math.max(...described.map((setting) => setting.name.length))
  const lines = described.map(
    (setting) => `  ${setting.name.padEnd(width)}  ${setting.description} (${setting.value || 'empty'})\n`,
  )
  const usage = `Usage: node services/${name}/src/main.ts

Runs the ${name} service of Quintet until SIGTERM. It has no arguments. Its settings are variables of the environment, or lines of .env,
here with their defaults. Instead of a secret, such as a key or the URL of an engine, NAME_FILE can name a file that has it:

${lines.join('')}`
  if (isHelp) process.stdout.write(usage)
  else process.stderr.write(`${name} has no argument "${words.join(' ')}".\n\n${usage}`)
  process.exitCode = isHelp ? 0 : 1
}

/**
 * What is wrong with the settings of one service. Its environment may be that of others too, and of the gateway, which has a setting
 * with the address of the service.
 */
function settingsFaults(name: string, schema: TObject, settings: Settings): string[] {
  const prefix = name.toUpperCase()
  const known = [...settingNamesOf(schema), `${prefix}_URL`]
  const { protective, others } = unknownSettings(known, settings, [prefix])
  for (const sentence of others) process.stderr.write(`${sentence}\n`)
  const ofFile = envFileFaults()
  const sentences = ofFile.map(({ sentence }) => sentence)
  const faults = new Set([
    ...sentences,
    ...faultsOf(schema, settings, ofFile),
    ...portFaults([{ name, values: validValues(schema, settings) }]),
    ...protective,
  ])
  return [...faults]
}

/**
 * Closes apps on a signal or an uncaught error, the last first: no new connections, the requests that have arrived finished, then
 * everything that was opened closed in order. After a signal they serve for `graceMs` before, so that balancers, which see that they are
 * not ready, and clients on their connections can go elsewhere. The process ends 10 s later in any case, and on a second signal at once.
 * `apps` may be changed until then.
 */
export function closeOnSignal(
  apps: readonly { beginClosing(): void; close(): Promise<unknown> }[],
  { graceMs, logger, telemetry }: { graceMs: number; logger: Logger; telemetry: Telemetry | undefined },
): void {
  closeWithGrace({ delay: graceMs + shutdownTimeoutMs, logger: false }, async ({ err, signal }) => {
    if (err !== undefined) logger.fatal({ err }, 'an uncaught error ends the process')
    for (const app of apps) app.beginClosing()
    if (signal !== undefined) await pause(graceMs)
    for (const app of apps.toReversed()) await app.close()
    await telemetry?.close()
    logger.flush()
  })
}
