import { migrationNames } from '@quintet/chassis/database'
import { serviceNames } from '@quintet/contracts/topology'
import { folderAndOption } from './backup/arguments.ts'
import { embeddedFiles, generatedKeyFiles } from './backup/embedded-storage.ts'
import type { EmbeddedFile } from './backup/embedded-storage.ts'
import { readVerified } from './backup/manifest.ts'
import type { Manifest } from './backup/manifest.ts'
import { keysToPlace, placeAll, presentFiles } from './backup/placing.ts'
import type { Placing } from './backup/placing.ts'
import { settingsFor } from './services.ts'
import { UsageError } from './usage-error.ts'

export const restoreUsage =
  '  quintet restore <folder>                  put a backup in the place of the embedded storage, while nothing runs; [--move-data-aside]\n'

export const restoreOptions = { 'move-data-aside': { type: 'boolean' } } as const

/** `quintet restore`: verifies a backup, and puts all of it in its place, or nothing. */
export async function restore(words: readonly string[]): Promise<void> {
  const { folder, isSet: mayMoveData } = folderAndOption('restore', restoreOptions, words, restoreUsage)
  const manifest = await readVerified(folder)
  const settings = settingsFor(serviceNames)
  const files = embeddedFiles(settings)
  const placing: Placing = {
    folder,
    databases: await placesOf(manifest, files),
    keys: keysToPlace(folder, manifest, generatedKeyFiles(settings)),
    raise: raiseSince(manifest),
  }
  const paths = files.map(({ path }) => path)
  await withoutServices(paths, async () => {
    const present = presentFiles(paths, placing.keys)
    if (present.length > 0 && !mayMoveData) throw presentData(present)
    const aside = await placeAll(placing, present)
    process.stdout.write(reportOf(manifest, placing, aside))
  })
}

/** The place of each database of the backup, by the present settings; those of queues last. Throws where there is none. */
async function placesOf({ databases, quintet }: Manifest, files: readonly EmbeddedFile[]) {
  const places = databases.map((database) => ({ ...database, place: placeOf(database, files) }))
  for (const { file, migrations, place } of places) {
    const known = await migrationNames(place.migrations)
    const later = migrations.filter((name) => !known.includes(name))
    if (later.length > 0)
      throw new UsageError(
        `${file} is of a later version, ${quintet}, since it has ${later.join(', ')}: restore it with that version.`,
      )
  }
  for (const { file, place } of places)
    if (places.some((other) => other.file !== file && other.place.path === place.path))
      throw new UsageError(
        `Several databases of the backup would be ${place.path}: set ${place.settings.join(', ')} to files of their own, as when it was made.`,
      )
  return places.sort((one, other) => Number(one.place.isQueue) - Number(other.place.isQueue))
}

function placeOf({ file, settings }: Manifest['databases'][number], files: readonly EmbeddedFile[]) {
  const found = files.filter((one) => one.settings.some((setting) => settings.includes(setting)))
  const [place] = found
  if (place === undefined)
    throw new UsageError(
      `${file} has no place, since ${settings.join(', ')} must be sqlite: and a file, as when the backup was made.`,
    )
  if (found.length > 1)
    throw new UsageError(
      `${file} has several places: ${settings.join(', ')} must be one file, as when the backup was made.`,
    )
  return place
}

/** More than the changes and creations that can have been made per millisecond. */
const raisePerMs = 100

/** By how much ids and versions must rise to exceed all that were given out after the backup. */
function raiseSince({ time }: Manifest): number {
  const elapsedMs = Date.now() - Date.parse(time)
  if (elapsedMs < 0)
    throw new UsageError(`The clock is behind the time of the backup, ${time}: set it right first.`)
  return (elapsedMs + 1_000) * raisePerMs
}

/** Does the work while no service runs on these databases; those that start meanwhile wait. Throws if one runs. */
async function withoutServices(paths: readonly string[], work: () => Promise<void>): Promise<void> {
  const [first, ...others] = paths
  if (first === undefined) return work()
  const { withoutProcesses } = await import('@quintet/chassis/database/embedded')
  return withoutProcesses(first, () => withoutServices(others, work))
}

function presentData(present: readonly string[]): UsageError {
  return new UsageError(
    `There is data already: ${present.join(', ')}. Nothing was changed. To keep it in a folder beside it, and restore: quintet restore <folder> --move-data-aside`,
  )
}

function reportOf({ time }: Manifest, { databases, raise }: Placing, aside: readonly string[]): string {
  const lines = [
    `The storage as of ${time} is in place: ${databases.map(({ place }) => place.path).join(', ')}`,
    ...aside.map((folder) => `What was there before is in ${folder}`),
    `New ids and versions are higher by ${raise}, so none that was given out after the backup is used again.`,
  ]
  return `${lines.join('\n')}\n`
}
