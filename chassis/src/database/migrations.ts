import { readdir, writeFile } from 'node:fs/promises'
import type { Kysely } from 'kysely'
import { AppError, dependencyDown, MigrationError } from '../errors/index.ts'
import type { Migration, MigrationProvider, MigrationResultSet, Migrator } from 'kysely/migration'

/** Uses a migrator while the database is locked against other migrators. */
export type MigrationWork<R> = (migrator: Migrator) => Promise<R>

/** Applies the pending migrations; returns their names. */
export async function migrateUp(migrator: Migrator): Promise<string[]> {
  return namesOf(await migrator.migrateToLatest())
}

/** Reverts the newest migration; returns its name, or none. */
export async function migrateDown(migrator: Migrator): Promise<string[]> {
  return namesOf(await migrator.migrateDown())
}

/** Each migration and whether it is applied, a line each. */
export async function migrationStatus(migrator: Migrator): Promise<string[]> {
  const migrations = await migrator.getMigrations()
  return migrations.map(({ name, executedAt }) => statusOf(name, executedAt !== undefined))
}

/** The same for a database that does not exist. */
export async function statusOfMissing(folder: URL): Promise<string[]> {
  return (await migrationNames(folder)).map((name) => statusOf(name, false))
}

function statusOf(name: string, isApplied: boolean): string {
  return `${name} ${isApplied ? 'applied' : 'pending'}`
}

/** Writes the next `NNNN-name.ts` into the folder, without a change in it; returns its file name. */
export async function makeMigration(folder: URL, name: string): Promise<string> {
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name))
    throw new Error(`"${name}" must be lower-case words joined by hyphens, as in add-owner-to-guid.`)
  const files = (await readdir(folder)).filter((file) => migrationFile.test(file)).sort()
  const number = Number.parseInt(files.at(-1) ?? '0', 10) + 1
  const file = `${String(number).padStart(4, '0')}-${name}.ts`
  await writeFile(new URL(file, folder), emptyMigration, { flag: 'wx' })
  return file
}

function namesOf({ error, results = [] }: MigrationResultSet): string[] {
  const failed = results.find(({ status }) => status === 'Error')
  if (failed !== undefined) throw new MigrationError(failed.migrationName, error)
  if (error !== undefined) throw isForeign(error) ? foreignMigrations(error) : error
  return results.map(({ migrationName }) => migrationName)
}

/** Whether Kysely has found applied migrations that are not in the folder, or in another order; it has no class for that. */
function isForeign(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('corrupted migrations: ')
}

function foreignMigrations(cause: unknown): AppError {
  return new AppError(
    'conflict',
    'The database has tables of another service or of a later version. Give each service a database of its own, or run the version that made them.',
    { cause },
  )
}

const emptyMigration = `import type { Kysely } from 'kysely'

export async function up(_db: Kysely<unknown>): Promise<void> {}

export async function down(_db: Kysely<unknown>): Promise<void> {}
`

/** Wraps a migration in what an engine needs to run it. */
type AdaptMigration = (name: string, migration: Migration) => Migration

/** Kysely's migrator over a folder of `NNNN-verb-noun.ts` files, each exporting `up` and `down`. */
export async function createMigrator<Tables>(
  db: Kysely<Tables>,
  folder: URL,
  adapt: AdaptMigration = (_, migration) => migration,
): Promise<Migrator> {
  const { Migrator } = await import('kysely/migration')
  return new Migrator({
    db,
    provider: createFolderProvider(folder, adapt),
    migrationTableName: migrationTable,
  })
}

/** The table of the applied migrations. */
export const migrationTable = 'kysely_migration'

/** The names of all migrations in the folder, in order. */
export async function migrationNames(folder: URL): Promise<string[]> {
  const files = (await readdir(folder)).filter((name) => migrationFile.test(name)).sort()
  return files.map((file) => file.slice(0, -'.ts'.length))
}

/** Whether exactly these migrations have been applied. */
export function areApplied(names: readonly string[], applied: readonly string[]): boolean {
  return names.length === applied.length && names.every((name) => applied.includes(name))
}

/** Throws unless all migrations have been applied. */
export function requireApplied(names: readonly string[], applied: readonly string[]): void {
  const pending = names.filter((name) => !applied.includes(name))
  if (pending.length > 0)
    throw dependencyDown(`The tables are not up to date (${pending.join(', ')}): run quintet migrate up.`)
}

const migrationFile = /^\d{4}-[a-z0-9-]+\.ts$/

function createFolderProvider(folder: URL, adapt: AdaptMigration): MigrationProvider {
  return {
    async getMigrations() {
      const loaded = (await migrationNames(folder)).map(async (name): Promise<[string, Migration]> => {
        const migration: Migration = await import(new URL(`${name}.ts`, folder).href).catch((error) => {
          throw new MigrationError(name, error)
        })
        return [name, adapt(name, migration)]
      })
      return Object.fromEntries(await Promise.all(loaded))
    },
  }
}
