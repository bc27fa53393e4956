import { existsSync } from 'node:fs'
import type { Settings } from '@quintet/chassis/config'
import { migrationNames } from '@quintet/chassis/database'
import { diagnose } from '@quintet/chassis/diagnosis'
import { operatorMessage } from '@quintet/chassis/errors'
import { serviceNames, topology } from '@quintet/contracts/topology'
import type { ServiceEntry } from '@quintet/contracts/topology'
import type { Service } from '../topology.ts'
import { services } from '../topology.ts'
import { folderAndOption } from './backup/arguments.ts'
import { durableFiles, generatedKeyFiles } from './backup/embedded-storage.ts'
import type { EmbeddedFile } from './backup/embedded-storage.ts'
import { readVerified } from './backup/manifest.ts'
import type { Manifest } from './backup/manifest.ts'
import { keysToPlace, placeAll, presentFiles, withCompanions } from './backup/placing.ts'
import type { Placing } from './backup/placing.ts'
import { configOf, dataFolderNote, settingsFor } from './services.ts'
import { UsageError } from './usage-error.ts'

export const restoreUsage =
  '  quintet restore <folder>                  put a backup in the place of the embedded storage, while nothing runs; [--move-data-aside]\n'

export const restoreOptions = { 'move-data-aside': { type: 'boolean' } } as const

/** `quintet restore`: verifies a backup, and puts all of it in its place, or nothing. Throws one error with all that is in the way. */
export async function restore(words: readonly string[]): Promise<void> {
  const { folder, isSet: mayMoveData } = folderAndOption('restore', restoreOptions, words)
  const { manifest, faults } = await readVerified(folder)
  const settings = settingsFor(serviceNames)
  const files = durableFiles(settings)
  const paths = files.map(({ path }) => path)
  const { databases, faults: placeFaults } = findPlaces(manifest, files)
  faults.push(
    ...placeFaults,
    ...(await laterVersions(databases, manifest)),
    ...sharedPlaces(databases),
    ...clockFaults(manifest),
  )
  if (faults.length > 0) throw refusal(faults)
  const keyFiles = generatedKeyFiles(settings)
  const keys = keysToPlace(folder, manifest, keyFiles)
  const own = [...databases.map(({ place }) => place.path), ...keys.map(({ to }) => to)]
  const placing: Placing = {
    folder,
    databases: databases.toSorted((one, other) => Number(one.place.isQueue) - Number(other.place.isQueue)),
    keys,
    otherDrafts: await otherDrafts(own, paths, keyFiles),
    raise: (elapsedSince(manifest) + 1_000) * raisePerMs,
  }
  const present = () => presentFiles(paths, placing)
  const obstacles = mayMoveData || present().length === 0 ? [] : [presentData(present())]
  obstacles.push(...(await usedDatabases(paths)))
  if (obstacles.length > 0) throw refusal(obstacles)
  await withoutServices(paths, async () => {
    if (present().length > 0 && !mayMoveData) throw refusal([presentData(present())])
    const aside = await placeAll(placing, present())
    process.stdout.write(`${reportOf(manifest, placing, aside)}${dataFolderNote(settings)}\n`)
  })
  for (const text of await missingParts(placing, settings)) process.stdout.write(`${text}\n`)
}

function refusal(faults: readonly string[]): UsageError {
  return new UsageError([...faults, 'Nothing was changed.'].join('\n'))
}

type Placed = Placing['databases'][number]

/** The databases of a backup with their places, and a sentence for each that has none, or several. */
function findPlaces(manifest: Manifest, files: readonly EmbeddedFile[]) {
  const databases: Placed[] = []
  const faults: string[] = []
  for (const database of manifest.databases) {
    const places = files.filter((one) => one.settings.some((setting) => database.settings.includes(setting)))
    const [place] = places
    if (place !== undefined && places.length === 1) databases.push({ ...database, place })
    else faults.push(faultOfPlaces(database, places.length))
  }
  return { databases, faults }
}

function faultOfPlaces({ file, settings }: Manifest['databases'][number], count: number): string {
  const names = settings.join(', ')
  return count === 0
    ? `${file} has no place, since ${names} must be sqlite: and a file, as when the backup was made.`
    : `${file} has several places: ${names} must be one file, as when the backup was made.`
}

async function laterVersions(databases: readonly Placed[], { quintet }: Manifest): Promise<string[]> {
  const faults = databases.map(async ({ file, migrations, place }) => {
    const known = await migrationNames(place.migrations)
    const later = migrations.filter((name) => !known.includes(name))
    return later.length === 0
      ? []
      : [
          `${file} is of a later version, ${quintet}, since it has ${later.join(', ')}: restore it with that version.`,
        ]
  })
  return (await Promise.all(faults)).flat()
}

/** A sentence for each place that several databases of the backup would have. */
function sharedPlaces(databases: readonly Placed[]): string[] {
  return [...Map.groupBy(databases, ({ place }) => place)]
    .filter(([, users]) => users.length > 1)
    .map(
      ([{ path, settings }]) =>
        `Several databases of the backup would be ${path}: set ${settings.join(', ')} to files of their own, as when it was made.`,
    )
}

function clockFaults(manifest: Manifest): string[] {
  return elapsedSince(manifest) < 0
    ? [`The clock is behind the time of the backup, ${manifest.time}: set it right first.`]
    : []
}

/** A sentence for each database that a service uses. */
async function usedDatabases(paths: readonly string[]): Promise<string[]> {
  const { withoutProcesses } = await import('@quintet/chassis/database/embedded')
  const faults: string[] = []
  for (const path of paths.filter((path) => existsSync(path)))
    await withoutProcesses(path, async () => {}).catch((error: unknown) => {
      const message = operatorMessage(error)
      if (message === undefined) throw error
      faults.push(message)
    })
  return faults
}

/** What services need that is not in place: keys that the backup was made without, above all. */
async function missingParts({ databases }: Placing, settings: Settings): Promise<string[]> {
  const names = databases.flatMap(({ place }) => (place.isQueue ? [] : place.services))
  const findings = names.map(async (name) => {
    const { examineData }: Service = services[name]
    const { storage }: ServiceEntry = topology[name]
    const url = String(configOf(name, settings)[storage.database ?? ''])
    return examineData === undefined ? [] : diagnose(url, { own: () => examineData(url, settings) })
  })
  return (await Promise.all(findings))
    .flat()
    .filter(({ verdict }) => verdict === 'broken')
    .map(({ text }) => text)
}

/** More than the changes and creations that can have been made per millisecond. */
const raisePerMs = 100

function elapsedSince({ time }: Manifest): number {
  return Date.now() - Date.parse(time)
}

/** Does the work while no service runs on these databases; those that start meanwhile wait. Throws if one runs. */
async function withoutServices(paths: readonly string[], work: () => Promise<void>): Promise<void> {
  const [first, ...others] = paths
  if (first === undefined) return work()
  const { withoutProcesses } = await import('@quintet/chassis/database/embedded')
  return withoutProcesses(first, () => withoutServices(others, work))
}

/** The drafts, with SQLite's companions, of all databases and keys but those that the backup has. */
async function otherDrafts(
  own: readonly string[],
  databases: readonly string[],
  keys: readonly string[],
): Promise<string[]> {
  const { restoringFile } = await import('@quintet/chassis/database/embedded')
  return [...databases, ...keys]
    .filter((path) => !own.includes(path))
    .flatMap((path) => withCompanions(restoringFile(path)))
}

function presentData(present: readonly string[]): string {
  return `There is data already: ${present.join(', ')}. To keep it in a folder beside it, and restore: quintet restore <folder> --move-data-aside`
}

function reportOf({ time }: Manifest, { databases, raise }: Placing, aside: readonly string[]): string {
  const lines = [
    `The storage as of ${time} is in place:`,
    ...databases.map(({ place }) => `  ${place.path}`),
    ...aside.map((folder) => `What was there before is in ${folder}`),
    `New ids and versions are higher by ${raise}, so none that was given out after the backup is used again.`,
  ]
  return `${lines.join('\n')}\n`
}
