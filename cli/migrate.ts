import type { Settings } from '@quintet/chassis/config'
import { makeMigration, migrateDatabase } from '@quintet/chassis/database'
import type { MigrationAction } from '@quintet/chassis/database'
import { MigrationError, operatorMessage } from '@quintet/chassis/errors'
import { topology } from '@quintet/contracts/topology'
import type { ServiceEntry, ServiceName } from '@quintet/contracts/topology'
import type { Service } from '../topology.ts'
import { services } from '../topology.ts'
import type { Storage } from './services.ts'
import { embeddedFiles } from './backup/embedded-storage.ts'
import { migrationsOf, serviceNamed, servicesFrom, settingsFor, storageOf } from './services.ts'
import { unknownAction, UsageError } from './usage-error.ts'

export const migrateUsage = `
  quintet migrate status|up [service…]      show or apply migrations; of all services when none is named
  quintet migrate down <service>            revert the newest migration, and drop its tables with their data; stop the service first
  quintet migrate make <service> <name>     write a new, empty migration
`

/** `quintet migrate`: shows, applies, reverts or makes migrations. */
export async function migrate([action, ...words]: readonly string[]): Promise<void> {
  if (action === 'make') return make(words)
  if (action !== 'status' && action !== 'up' && action !== 'down')
    throw unknownAction('migrate', action, ['status', 'up', 'down', 'make'])
  if (action === 'down' && words.length !== 1)
    throw new UsageError('Reverting deletes data, so it needs one service: quintet migrate down <service>')
  const names = servicesFrom(words)
  const settings = settingsFor(names)
  for (const name of names) {
    const { storage }: ServiceEntry = topology[name]
    const database = storageOf(name, settings).find(({ setting }) => setting === storage.database)
    if (database === undefined && words.length > 0) throw withoutDatabase(name)
    if (database === undefined) continue
    await migrateOne(name, database, action)
  }
  if (action === 'status') await showQueues(names, settings)
}

/** The names of the migrations that the database of a service lacks. */
export async function pendingMigrations(name: ServiceName, url: string): Promise<string[]> {
  const lines = await migrateStorage(name, url, 'status')
  return lines.filter((line) => line.endsWith(' pending')).map((line) => line.replace(/ \w+$/, ''))
}

/** Prints the migrations of the embedded queues of these services, which the services apply when they start. */
async function showQueues(names: readonly ServiceName[], settings: Settings): Promise<void> {
  const queues = embeddedFiles(settings, names).filter(({ isQueue }) => isQueue)
  for (const { path, migrations, settings: users } of queues) {
    const lines = await migrateDatabase(`sqlite:${path}`, { migrations }, 'status')
    process.stdout.write(`queue (${users.join(', ')}): ${lines.join(', ')}\n`)
  }
}

/** Prints what was done. A database that fails is reported with exit code 1, and those of the other services follow. */
async function migrateOne(
  name: ServiceName,
  { url, shown }: Storage,
  action: MigrationAction,
): Promise<void> {
  const isEmbedded = url.startsWith('sqlite:')
  if (action === 'down' && !isEmbedded)
    process.stderr.write(`${name} must not run meanwhile: until it is migrated again, it is not ready.\n`)
  try {
    const done = await migrateStorage(name, url, action)
    process.stdout.write(
      `${name}: ${done.length === 0 ? 'nothing to do' : verbs[action] + done.join(', ')}\n`,
    )
    if (action === 'down' && isEmbedded && done.length > 0)
      process.stdout.write(`The next start of ${name} applies it again.\n`)
  } catch (error) {
    const message = operatorMessage(error, name)
    if (message === undefined) throw error
    const where = error instanceof MigrationError ? '' : `${name}, on ${shown}: `
    process.stderr.write(`${where}${message}\n`)
    process.exitCode = 1
  }
}

/** What was done to the migrations that are listed; each line of a status has its own state. */
const verbs = { status: '', up: 'applied ', down: 'reverted ' }

async function migrateStorage(name: ServiceName, url: string, action: MigrationAction): Promise<string[]> {
  const service: Service = services[name]
  if (service.migrateStorage !== undefined) return service.migrateStorage(url, action)
  return migrateDatabase(url, { migrations: migrationsOf(name) }, action)
}

function withoutDatabase(name: ServiceName): UsageError {
  return new UsageError(`${name} has no database, so it has no migrations.`)
}

async function make([service, migration, ...rest]: readonly string[]): Promise<void> {
  if (migration === undefined || rest.length > 0)
    throw new UsageError('A migration needs a service and a name: quintet migrate make <service> <name>')
  const name = serviceNamed(service)
  if (!('database' in topology[name].storage)) throw withoutDatabase(name)
  const file = await makeMigration(migrationsOf(name), migration).catch((error: Error) => {
    throw new UsageError(error.message)
  })
  process.stdout.write(`services/${name}/migrations/${file}\n`)
}
