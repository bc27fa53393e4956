import { existsSync, realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { TObject } from 'typebox'
import { databaseFile, readDatabase } from '../database/index.ts'
import { operatorMessage } from '../errors/index.ts'
import { deadQueueOf } from '../queue/port.ts'
import type { Logger } from '../telemetry/index.ts'

/** A service with its settings in their types. `queue` is the one that it consumes, `stream` that of the events that it appends. */
type StorageUser = {
  readonly name: string
  readonly settings: TObject
  readonly config: Readonly<Record<string, unknown>>
  readonly queue?: string | undefined
  readonly stream?: string | undefined
}

/** A setting that names another place than its default now, and a sentence on what the service has left behind there. */
type UnusedStorage = { readonly setting: string; readonly text: string }

/**
 * What a service has left behind in its embedded storage where settings name other places now: messages that wait in its queue, events of
 * its stream, and rows of its database. Nothing is changed, and nothing moves by itself. Never rejects.
 */
export async function unusedStorage(user: StorageUser): Promise<UnusedStorage[]> {
  const found = unusedFiles(user).map(async (place) => ({
    setting: place.setting,
    text: await readDatabase<unknown, string | undefined>(place.url, (db) => describe(db, user, place)).catch(
      (error: unknown) =>
        `${place.file}, which ${place.setting} does not name any more, cannot be examined: ${operatorMessage(error) ?? error}`,
    ),
  }))
  return (await Promise.all(found)).flatMap(({ setting, text }) =>
    text === undefined ? [] : [{ setting, text }],
  )
}

/** Logs a line of level `warn` for each. */
export async function logUnusedStorage(logger: Logger, user: StorageUser): Promise<void> {
  for (const { text } of await unusedStorage(user)) logger.warn(text)
}

type Place = { readonly setting: string; readonly url: string; readonly file: string }

/** The files that settings name by default, but that no setting of the service names now. */
function unusedFiles({ settings, config }: StorageUser): Place[] {
  const used = Object.values(config).flatMap((value) => databaseFile(String(value)) ?? [])
  const defaults = Object.entries(settings.properties).flatMap(([setting, schema]) => {
    // A text as replacement would have patterns, such as `$&`.
    const url = String(Object(schema).default).replace('{DATA_DIR}', () => String(config.DATA_DIR))
    const file = databaseFile(url)
    return file === undefined ? [] : [{ setting, url, file }]
  })
  const places = new Set(used.map(realPath))
  return defaults.filter(({ file }) => !places.has(realPath(file)))
}

/** The path without symbolic links, by which a file may have several; that of a file that does not exist as it is. */
function realPath(file: string): string {
  return existsSync(file) ? realpathSync(file) : resolve(file)
}

/** Tables that have rows before their service has stored anything. */
const tablesOfMigrations = [
  'kysely_migration',
  'kysely_migration_lock',
  'cache_control',
  'version_floor',
  'outbox_relay',
]

async function describe(db: Kysely<unknown>, user: StorageUser, place: Place): Promise<string | undefined> {
  const tables = sql<{
    name: string
  }>`select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by name`
  const names = (await tables.execute(db)).rows.map(({ name }) => name)
  if (names.includes('message')) {
    const { queue, stream } = user
    const messages = queue === undefined ? undefined : await describeQueue(db, { ...user, queue }, place)
    const events = stream === undefined ? undefined : await describeStream(db, stream, place)
    return [messages, events].filter((text) => text !== undefined).join(' ') || undefined
  }
  const filled: string[] = []
  for (const name of names.filter((name) => !tablesOfMigrations.includes(name))) {
    const rows = sql`select 1 from ${sql.table(name)} limit 1`
    if ((await rows.execute(db)).rows.length > 0) filled.push(name)
  }
  if (filled.length === 0) return undefined
  const { setting, file } = place
  return `${file} has rows of ${user.name} in ${list(filled)}, but ${setting} names another database, so none of them is used: data does not move by itself. When nothing there is needed any more, move the file elsewhere.`
}

async function describeQueue(
  db: Kysely<unknown>,
  { name, queue }: { readonly name: string; readonly queue: string },
  { setting, url, file }: Place,
): Promise<string | undefined> {
  const depth = sql<{ queue: string; depth: number }>`
    select queue, count(*) as depth from message where queue in (${queue}, ${deadQueueOf(queue)}) group by queue order by queue`
  const waiting = (await depth.execute(db)).rows.map(
    ({ queue, depth }) => `${depth} ${depth === 1 ? 'message' : 'messages'} of ${queue}`,
  )
  if (waiting.length === 0) return undefined
  return `${list(waiting)} ${waiting.length === 1 && waiting[0]?.startsWith('1 ') ? 'waits' : 'wait'} in ${file}, but ${setting} names another queue, so nothing reads them. Run ${name} with ${setting}=${url} until it has none; quintet queue with the same setting shows, replays and drops them.`
}

/** A row without messages ends a gap in the positions. */
async function describeStream(
  db: Kysely<unknown>,
  stream: string,
  { setting, url, file }: Place,
): Promise<string | undefined> {
  const total = sql<{ count: number }>`
    select coalesce(sum(count), 0) as count from chunk where stream = ${stream}`
  const [{ count } = { count: 0 }] = (await total.execute(db)).rows
  if (count === 0) return undefined
  const events = count === 1 ? `1 event of ${stream} is` : `${count} events of ${stream} are`
  return `${events} in ${file}, but ${setting} names another queue, so no client gets them. quintet events with ${setting}=${url} prints them; they need not be removed.`
}

function list(parts: readonly string[]): string {
  return new Intl.ListFormat('en-GB').format(parts)
}
