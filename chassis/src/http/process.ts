import { lookup } from 'node:dns/promises'
import closeWithGrace from 'close-with-grace'
import type { Static, TObject } from 'typebox'
import {
  ConfigError,
  enterRepository,
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
    address: (config: Readonly<Static<T>>) => { host: string; port: number }
  },
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  const { name, settings, create, address } = service
  try {
    enterRepository()
    const config = loadChecked(name, settings, readSettings(environment))
    const logger = createLogger({ service: name, level: String(Reflect.get(config, 'LOG_LEVEL')) })
    const app = await create(config, { logger })
    const url = await listen(app, address(config)).catch(async (error: unknown) => {
      await app.close()
      throw error
    })
    closeOnSignal(() => app.close(), logger)
    process.stdout.write(`${name.padEnd(12)} ${url}  docs ${url}/docs\n`)
  } catch (error) {
    const message = error instanceof ConfigError ? error.message : operatorMessage(error)
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
  if (protective.length > 0) throw new ConfigError([...faultsOf(schema, settings), ...protective])
  return loadConfig(schema, settings)
}

/**
 * Listens, and gives the address with the actual port where the port was 0. A name is resolved here, since for `localhost` the
 * framework would open a second server, without what this one was given.
 */
export async function listen(app: App, { host, port }: { host: string; port: number }): Promise<string> {
  const listening = async () => app.listen({ host: (await lookup(host)).address, port })
  await listening().catch((error: NodeJS.ErrnoException) => {
    const reason = listenFaults[error.code ?? '']
    throw reason === undefined
      ? error
      : new ConfigError([`Cannot listen on ${host}, port ${port}: ${reason}.`])
  })
  const bound = app.server.address()
  if (bound === null || typeof bound === 'string') throw new Error('The server has no port.')
  return `http://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`
}

const listenFaults: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program does',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'that takes more rights',
  ENOTFOUND: 'there is no such host',
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
