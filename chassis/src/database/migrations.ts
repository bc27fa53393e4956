import { readdir, writeFile } from 'node:fs/promises'
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { AppError, dependencyDown, MigrationError } from '../errors/index.ts'
import type { Migration, MigrationProvider, MigrationResultSet, Migrator } from 'kysely/migration'

/** Uses a migrator while the database is locked against other migrators. */
export type MigrationWork<R> = (migrator: DatabaseMigrator) => Promise<R>

type DatabaseMigrator = Pick<Migrator, 'migrateToLatest' | 'migrateDown' | 'getMigrations'> & {
  /** The applied migrations that are not in the folder. */
  readonly unknown: readonly string[]
  /** What has them, as the subject of a sentence. */
  readonly subject: string
}

/** Applies the pending migrations; returns their names. */
export async function migrateUp(migrator: DatabaseMigrator): Promise<string[]> {
  requireKnown(migrator)
  return namesOf(await migrator.migrateToLatest())
}

/** Reverts the newest migration; returns its name, or none. */
export async function migrateDown(migrator: DatabaseMigrator): Promise<string[]> {
  requireKnown(migrator)
  return namesOf(await migrator.migrateDown())
}

/** Each migration and whether it is applied, a line each; after them those that this version does not have. */
export async function migrationStatus(migrator: DatabaseMigrator): Promise<string[]> {
  const migrations = await migrator.getMigrations()
  return [
    ...migrations.map(({ name, executedAt }) => statusOf(name, executedAt !== undefined)),
    ...migrator.unknown.map((name) => `${name} unknown to this version`),
  ]
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
  return new AppError('conflict', `The database has ${ofOthers}. ${whatToDo}`, { cause })
}

function requireKnown({ unknown, subject }: DatabaseMigrator): void {
  if (unknown.length > 0) throw new AppError('conflict', unknownMigrations(subject, unknown))
}

/** A sentence on what has migrations that this version does not have, and what to do. */
export function unknownMigrations(subject: string, names: readonly string[]): string {
  return `${subject} has ${ofOthers}, since this version does not have ${names.join(', ')}. ${whatToDo}`
}

const ofOthers = 'tables of another service or of a later version'
const whatToDo = 'Give each service a database of its own, or run the version that made them.'

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
  {
    adapt = (_, migration) => migration,
    subject = 'The database',
  }: { adapt?: AdaptMigration; subject?: string } = {},
): Promise<DatabaseMigrator> {
  const { Migrator } = await import('kysely/migration')
  const migrator = new Migrator({
    db,
    provider: createFolderProvider(folder, adapt),
    migrationTableName: migrationTable,
  })
  const [names, applied] = [await migrationNames(folder), await appliedIn(db)]
  return {
    migrateToLatest: () => migrator.migrateToLatest(),
    migrateDown: () => migrator.migrateDown(),
    getMigrations: () => migrator.getMigrations(),
    unknown: applied.filter((name) => !names.includes(name)),
    subject,
  }
}

/** The names of the applied migrations, none where there is not even the table of them. */
async function appliedIn<Tables>(db: Kysely<Tables>): Promise<string[]> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true })
  if (!tables.some(({ name }) => name === migrationTable)) return []
  const { rows } = await sql<{
    name: string
  }>`select name from ${sql.table(migrationTable)} order by name`.execute(db)
  return rows.map(({ name }) => name)
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
