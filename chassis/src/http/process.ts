import closeWithGrace from 'close-with-grace'
import type { Static, TObject } from 'typebox'
import {
  ConfigError,
  enterRepository,
  envFileFaults,
  faultsOf,
  loadConfig,
  readSettings,
  unknownSettings,
} from '../config/index.ts'
import type { Settings } from '../config/index.ts'
import { operatorMessage } from '../errors/index.ts'
import { createLogger } from '../telemetry/index.ts'
import type { Logger } from '../telemetry/index.ts'
import type { App } from './app-options.ts'
import { listen, requireFreeAddresses } from './listen.ts'
import type { Address } from './listen.ts'

const shutdownTimeoutMs = 10_000

/**
 * Runs one service in this process, from any folder: reads its settings, starts it, prints its address, and closes it on a signal. Bad settings
 * are all reported, and end the process with exit code 1, as does a fault of the system or of an engine.
 */
export async function runService<T extends TObject>(
  service: {
    name: string
    settings: T
    create: (config: Readonly<Static<T>>, parts: { logger: Logger }) => Promise<App>
    address: (config: Readonly<Static<T>>) => Address
  },
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  const { name, settings, create, address } = service
  try {
    enterRepository()
    const config = loadChecked(name, settings, readSettings(environment))
    const logger = createLogger({ service: name, level: String(Reflect.get(config, 'LOG_LEVEL')) })
    await requireFreeAddresses([{ service: name, ...address(config) }])
    const app = await create(config, { logger })
    const url = await listen(app, address(config)).catch(async (error: unknown) => {
      await app.close()
      throw error
    })
    closeOnSignal(() => app.close(), logger)
    process.stdout.write(`${name.padEnd(12)} ${url}  docs ${url}/docs\n`)
  } catch (error) {
    const message = error instanceof ConfigError ? error.message : operatorMessage(error, name)
    if (message === undefined) throw error
    process.stderr.write(`${message}\n`)
    process.exitCode = 1
  }
}

/** The settings of one service, which may share its environment with others and with the gateway, which has its address. */
function loadChecked<T extends TObject>(name: string, schema: T, settings: Settings): Readonly<Static<T>> {
  const prefix = name.toUpperCase()
  const known = [...Object.keys(schema.properties), `${prefix}_URL`]
  const { protective, others } = unknownSettings(known, settings, [prefix])
  for (const sentence of others) process.stderr.write(`${sentence}\n`)
  const faults = [...envFileFaults(), ...faultsOf(schema, settings), ...protective]
  if (faults.length > 0) throw new ConfigError(faults)
  return loadConfig(schema, settings)
}

/**
 * Closes on SIGTERM, SIGINT or an uncaught error: no new requests, those in flight finished, then everything that was opened
 * closed in order. After 10 s the process ends in any case.
 */
export function closeOnSignal(close: () => Promise<void>, logger: Logger): void {
  closeWithGrace({ delay: shutdownTimeoutMs, logger: false }, async ({ err }) => {
    if (err !== undefined) logger.fatal({ err }, 'an uncaught error ends the process')
    await close()
    logger.flush()
  })
}
