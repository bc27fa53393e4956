#!/usr/bin/env node
import type { TObject } from 'typebox'
import type { Settings } from './chassis/src/config/index.ts'
import {
  ConfigError,
  describeConfig,
  loadConfig,
  readSettings,
  unknownSettings,
} from './chassis/src/config/index.ts'
import { makeMigration, migrateDatabase } from './chassis/src/database/index.ts'
import type { MigrationAction } from './chassis/src/database/index.ts'
import { diagnose } from './chassis/src/diagnosis/index.ts'
import type { Diagnose, Finding } from './chassis/src/diagnosis/index.ts'
import { AppError } from './chassis/src/errors/index.ts'
import type { App } from './chassis/src/http/index.ts'
import { closeOnSignal, listen } from './chassis/src/http/index.ts'
import { openQueue, queueCommandUsage, runQueueCommand } from './chassis/src/queue/index.ts'
import type { Queue } from './chassis/src/queue/index.ts'
import { createLogger } from './chassis/src/telemetry/index.ts'
import { createBillingApp } from './services/billing/src/app.ts'
import { billingSettings } from './services/billing/src/config.ts'
import { createBrokerageApp } from './services/brokerage/src/app.ts'
import { brokerageSettings } from './services/brokerage/src/config.ts'
import {
  diagnoserOf as brokerageDiagnoserOf,
  migrateStorage as migrateBrokerage,
} from './services/brokerage/src/storage.ts'
import { createCertificatesApp } from './services/certificates/src/app.ts'
import { certificatesSettings } from './services/certificates/src/config.ts'
import { rewrapCertificates } from './services/certificates/src/rewrap.ts'
import { createGatewayApp } from './services/gateway/src/app.ts'
import { gatewaySettings } from './services/gateway/src/config.ts'
import { createGuidApp } from './services/guid/src/app.ts'
import { guidSettings } from './services/guid/src/config.ts'
import { diagnoserOf as guidDiagnoserOf, migrateStorage as migrateGuid } from './services/guid/src/storage.ts'
import { createInventoryApp } from './services/inventory/src/app.ts'
import { inventorySettings } from './services/inventory/src/config.ts'

/** One service as this command sees it; `create` opens what the service needs, and `port` is where it then listens. */
type Service = {
  readonly settings: TObject
  /** The settings that say where it keeps things, for the line that it prints; the first one has migrations. */
  readonly storage: readonly string[]
  create(settings: Settings): { app: () => Promise<App>; host: string; port: number }
  /** Where its storage may be something else than a SQL database. */
  migrate?(url: string, action: MigrationAction): Promise<string[]>
  /** How an engine is looked at that this service alone can use; undefined for any other. */
  diagnoserOf?(url: string): Diagnose | undefined
}

/** The whole topology, in the order of starting: the gateway comes last, because it is told where the others listen. */
const services = {
  guid: {
    settings: guidSettings,
    storage: ['GUID_DATABASE_URL', 'EVENTS_URL', 'CACHE_URL'],
    create(settings) {
      const config = loadConfig(guidSettings, settings)
      return { app: () => createGuidApp(config), host: config.HOST, port: config.GUID_PORT }
    },
    migrate: migrateGuid,
    diagnoserOf: guidDiagnoserOf,
  },
  brokerage: {
    settings: brokerageSettings,
    storage: ['BROKERAGE_DATABASE_URL'],
    create(settings) {
      const config = loadConfig(brokerageSettings, settings)
      return { app: () => createBrokerageApp(config), host: config.HOST, port: config.BROKERAGE_PORT }
    },
    migrate: migrateBrokerage,
    diagnoserOf: brokerageDiagnoserOf,
  },
  certificates: {
    settings: certificatesSettings,
    storage: ['CERTIFICATES_DATABASE_URL', 'CERTIFICATES_QUEUE_URL', 'CACHE_URL'],
    create(settings) {
      const config = loadConfig(certificatesSettings, settings)
      return { app: () => createCertificatesApp(config), host: config.HOST, port: config.CERTIFICATES_PORT }
    },
  },
  inventory: {
    settings: inventorySettings,
    storage: ['INVENTORY_DATABASE_URL', 'CACHE_URL'],
    create(settings) {
      const config = loadConfig(inventorySettings, settings)
      return { app: () => createInventoryApp(config), host: config.HOST, port: config.INVENTORY_PORT }
    },
  },
  billing: {
    settings: billingSettings,
    storage: ['BILLING_DATABASE_URL', 'QUEUE_URL'],
    create(settings) {
      const config = loadConfig(billingSettings, settings)
      return { app: () => createBillingApp(config), host: config.HOST, port: config.BILLING_PORT }
    },
  },
  gateway: {
    settings: gatewaySettings,
    storage: [],
    create(settings) {
      const config = loadConfig(gatewaySettings, settings)
      return { app: () => createGatewayApp(config), host: config.HOST, port: config.GATEWAY_PORT }
    },
  },
} satisfies Record<string, Service>

type ServiceName = keyof typeof services
const serviceNames: readonly ServiceName[] = [
  'guid',
  'brokerage',
  'certificates',
  'inventory',
  'billing',
  'gateway',
]

const usage = `quintet: five services behind one gateway

  quintet start [service…]                  start these services in this process; all of them when none is named
  quintet doctor [service…]                 look at the live engines, and say what is not as the promises need it
  quintet config                            print the settings in effect, and where each comes from
  quintet migrate status|up|down [service]  look at, apply or take back changes of the databases' tables
  quintet migrate make <service> <name>     write a new, empty migration
  quintet certificates rewrap               move all private keys to the current key-encryption key
${queueCommandUsage}
Services: ${serviceNames.join(', ')}
`

class UsageError extends Error {}

const commands: Readonly<Record<string, (words: readonly string[]) => Promise<void>>> = {
  start,
  doctor,
  config,
  migrate,
  certificates,
  queue,
  help: async () => print(usage),
}

const [command = 'help', ...words] = process.argv.slice(2)
try {
  const run = commands[command.replace(/^--?h(elp)?$/, 'help')]
  if (run === undefined) throw new UsageError(`"${command}" is not a command.\n\n${usage}`)
  await run(words)
} catch (error) {
  if (!(error instanceof ConfigError) && !(error instanceof UsageError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}

async function start(words: readonly string[]): Promise<void> {
  const names =
    words.length === 0 ? serviceNames : serviceNames.filter((name) => namesFrom(words).includes(name))
  const settings = new Map(readSettings(process.env))
  checkSettings(names, settings)
  const logger = createLogger({ service: 'quintet', level: 'info' })
  const running: App[] = []
  // The gateway goes first, so that nothing new arrives where it would find its service gone.
  const close = async () => {
    for (const app of running.toReversed()) await app.close()
  }
  const begin = async (name: ServiceName): Promise<string> => {
    const { app: create, host, port } = services[name].create(settings)
    const app = await create()
    running.push(app)
    const address = await listen(app, { host, port })
    const url = `${name.toUpperCase()}_URL`
    if (!settings.has(url)) settings.set(url, { value: address, source: 'environment' })
    return lineOf(name, address, settings)
  }
  try {
    // They wait for their threads and their disks, so they wait together; all have ended trying before one is given up.
    const beginnings = await Promise.allSettled(names.filter((name) => name !== 'gateway').map(begin))
    const lines = beginnings.map(valueOrThrow)
    if (names.includes('gateway')) lines.push(await begin('gateway'))
    closeOnSignal(close, logger)
    print(lines.join(''))
  } catch (error) {
    await close()
    throw error
  }
}

function valueOrThrow<T>(result: PromiseSettledResult<T>): T {
  if (result.status === 'rejected') throw result.reason
  return result.value
}

async function config(): Promise<void> {
  const settings = readSettings(process.env)
  const described = serviceNames.flatMap((name) => describeConfig(services[name].settings, settings))
  const unique = [...new Map(described.map((setting) => [setting.name, setting])).values()]
  const width = Math.max(...unique.map(({ name }) => name.length))
  const valueWidth = Math.max(...unique.map(({ value }) => value.length))
  for (const { name, value, source, description } of unique)
    print(`${name.padEnd(width)}  ${value.padEnd(valueWidth)}  ${source.padEnd(11)}  ${description}\n`)
  checkSettings(serviceNames, settings)
}

async function doctor(words: readonly string[]): Promise<void> {
  const names = words.length === 0 ? serviceNames : namesFrom(words)
  const settings = readSettings(process.env)
  checkSettings(names, settings)
  const users = Map.groupBy(
    names.flatMap((name) => storageOf(name, settings).map((storage) => ({ name, ...storage }))),
    ({ url }) => url,
  )
  const looks = [...users].map(async ([url, sharers]) => ({ sharers, findings: await examine(url, sharers) }))
  for (const { sharers, findings } of await Promise.all(looks)) {
    const names = [...new Set(sharers.map(({ setting }) => setting))].join(', ')
    print(`\n${sharers[0]?.shown}   ${names}\n`)
    for (const { verdict, text } of findings)
      print(`  ${(verdict === 'broken' ? 'BROKEN' : verdict).padEnd(6)}  ${text}\n`)
    if (findings.some(({ verdict }) => verdict === 'broken')) process.exitCode = 1
  }
}

/** What is found in an engine, and whether the tables of those who keep them there are as this version needs them. */
async function examine(
  url: string,
  sharers: readonly { name: ServiceName; setting: string }[],
): Promise<Finding[]> {
  const users: Service[] = sharers.map(({ name }) => services[name])
  const own = users.map((service) => service.diagnoserOf?.(url)).find((look) => look !== undefined)
  const findings = await diagnose(url, own)
  // What is embedded is brought up to date by its service, at the start.
  if (url.startsWith('sqlite:') || findings.some(({ verdict }) => verdict === 'broken')) return findings
  for (const { name, setting } of sharers) {
    if (setting !== services[name].storage[0] || !setting.endsWith('_DATABASE_URL')) continue
    const pending = await migrateStorage(name, url, 'status').then(
      (lines) => lines.filter((line) => line.endsWith(' pending')).map((line) => line.replace(/ \w+$/, '')),
      (error: unknown) => [`unknown: ${error instanceof Error ? error.message : error}`],
    )
    findings.push(
      pending.length === 0
        ? { verdict: 'good', text: `The tables of ${name} are up to date.` }
        : {
            verdict: 'broken',
            text: `The tables of ${name} are not up to date (${pending.join(', ')}): quintet migrate up ${name}`,
          },
    )
  }
  return findings
}

async function migrate([action, ...words]: readonly string[]): Promise<void> {
  if (action === 'make') return make(words)
  if (action !== 'status' && action !== 'up' && action !== 'down') throw new UsageError(usage)
  const settings = readSettings(process.env)
  for (const name of words.length === 0 ? serviceNames : namesFrom(words)) {
    const [database] = storageOf(name, settings)
    if (database === undefined) continue
    const done = await migrateStorage(name, database.url, action)
    print(`${name}: ${done.length === 0 ? 'nothing to do' : done.join(', ')}\n`)
  }
}

async function migrateStorage(name: ServiceName, url: string, action: MigrationAction): Promise<string[]> {
  const service: Service = services[name]
  if (service.migrate !== undefined) return service.migrate(url, action)
  return migrateDatabase(url, { migrations: migrationsOf(name) }, action)
}

/** The queues of events and of orders may be those of one broker, or of two. */
async function queue(words: readonly string[]): Promise<void> {
  const settings = readSettings(process.env)
  const urls = [
    loadConfig(guidSettings, settings).EVENTS_URL,
    loadConfig(billingSettings, settings).QUEUE_URL,
    loadConfig(certificatesSettings, settings).CERTIFICATES_QUEUE_URL,
  ]
  const brokers: Queue[] = []
  try {
    for (const url of new Set(urls)) brokers.push(await openQueue(url))
    print(await runQueueCommand(brokers, words))
  } catch (error) {
    throw error instanceof AppError ? new UsageError(error.message) : error
  } finally {
    for (const broker of brokers) await broker.close()
  }
}

async function make(words: readonly string[]): Promise<void> {
  const [name] = namesFrom(words.slice(0, 1))
  if (name === undefined || words.length !== 2) throw new UsageError(usage)
  const file = await makeMigration(migrationsOf(name), String(words[1])).catch((error: Error) => {
    throw new UsageError(error.message)
  })
  print(`services/${name}/migrations/${file}\n`)
}

async function certificates([action]: readonly string[]): Promise<void> {
  if (action !== 'rewrap') throw new UsageError(usage)
  const config = loadConfig(certificatesSettings, readSettings(process.env))
  const { keyId, moved, broken } = await rewrapCertificates(config)
  print(`${moved} private keys were moved to the key ${keyId}.\n`)
  for (const { id, reason } of broken) process.stderr.write(`Certificate ${id} stays as it is: ${reason}\n`)
  if (broken.length > 0) process.exitCode = 1
}

function namesFrom(words: readonly string[]): ServiceName[] {
  return words.map((word) => {
    const name = serviceNames.find((known) => known === word)
    if (name === undefined)
      throw new UsageError(`"${word}" is not a service; there are ${serviceNames.join(', ')}.`)
    return name
  })
}

/** Judges the settings of all services before the first one starts, so that all that is wrong is told at once. */
function checkSettings(names: readonly ServiceName[], settings: Settings): void {
  const faults = new Set<string>()
  for (const name of names) {
    try {
      services[name].create(settings)
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      for (const fault of error.faults) faults.add(fault)
    }
  }
  if (faults.size > 0) throw new ConfigError([...faults])
  const schemas = serviceNames.map((name) => services[name].settings)
  const prefixes = [
    ...serviceNames.map((name) => name.toUpperCase()),
    'MARKET',
    'RATE_LIMIT',
    'CACHE',
    'EVENTS',
    'QUEUE',
  ]
  for (const sentence of unknownSettings(schemas, settings, prefixes)) process.stderr.write(`${sentence}\n`)
}

function lineOf(name: ServiceName, address: string, settings: Settings): string {
  const storage = storageOf(name, settings).map(({ shown }) => shown)
  return `${name.padEnd(12)} ${address.padEnd(24)} docs ${address}/docs${storage.length > 0 ? `   on ${storage.join(', ')}` : ''}\n`
}

/** Where a service keeps things: the real address, and as it may be shown. */
type Storage = { readonly setting: string; readonly url: string; readonly shown: string }

function storageOf(name: ServiceName, settings: Settings): Storage[] {
  const config: Readonly<Record<string, unknown>> = loadConfig(services[name].settings, settings)
  const described = describeConfig(services[name].settings, settings)
  return services[name].storage.map((setting) => ({
    setting,
    url: String(config[setting]),
    shown: described.find((one) => one.name === setting)?.value ?? '',
  }))
}

function migrationsOf(name: ServiceName): URL {
  return new URL(`services/${name}/migrations/`, import.meta.url)
}

function print(text: string): void {
  process.stdout.write(text)
}
