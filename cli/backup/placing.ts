import {
  createReadStream,
  createWriteStream,
  existsSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createPrivateFile, createPrivateFolder } from '@quintet/chassis/files'
import { services } from '../../topology.ts'
import type { Service } from '../../topology.ts'
import { UsageError } from '../usage-error.ts'
import type { EmbeddedFile } from './embedded-storage.ts'
import { describeFile } from './manifest.ts'
import type { Manifest } from './manifest.ts'
import { syncPath } from './sync-path.ts'

/** A verified backup, and where its files belong. */
export type Placing = {
  readonly folder: string
  /** Those of queues last. */
  readonly databases: readonly (Manifest['databases'][number] & { readonly place: EmbeddedFile })[]
  readonly keys: readonly { readonly file: string; readonly sha256: string; readonly to: string }[]
  /** Drafts that this backup does not have, which an interrupted restore of another one may have left. */
  readonly otherDrafts: readonly string[]
  /** What is added to ids and versions. */
  readonly raise: number
}

/** The places of the keys of a backup that are not there already, with the same content. */
export function keysToPlace(folder: string, { keys }: Manifest, places: readonly string[]): Placing['keys'] {
  return keys.flatMap(({ file, sha256 }) => {
    const to = places.find((path) => basename(path) === file)
    const isThere =
      to !== undefined &&
      statSync(to, { throwIfNoEntry: false })?.isFile() === true &&
      readFileSync(to).equals(readFileSync(join(folder, file)))
    return to === undefined || isThere ? [] : [{ file, sha256, to }]
  })
}

/** What is in the places of the databases, with SQLite's companions, and of the keys, and the drafts of other backups. */
export function presentFiles(
  databases: readonly string[],
  { keys, otherDrafts }: Pick<Placing, 'keys' | 'otherDrafts'>,
): string[] {
  const all = [...databases.flatMap(withCompanions), ...keys.map(({ to }) => to), ...otherDrafts]
  return all.filter((path) => existsSync(path))
}

/** A database file with the files that SQLite keeps beside it. */
export function withCompanions(path: string): string[] {
  return ['', '-wal', '-shm', '-journal'].map((suffix) => path + suffix)
}

/**
 * Moves what is present into folders beside it, and puts the backup in its place. Returns those folders. A failure is undone.
 *
 * All is copied before anything is moved, to files with names that keep a service from starting; each disappears when its database
 * takes its place, those of queues last, and then those of other backups. So if the machine stops in between, no service starts
 * that could exchange messages with one whose database is not restored.
 */
export async function placeAll(placing: Placing, present: readonly string[]): Promise<string[]> {
  const { restoringFile } = await import('@quintet/chassis/database/embedded')
  const files = [
    ...placing.keys.map((key) => ({ ...key, draft: restoringFile(key.to) })),
    ...placing.databases.map(({ file, sha256, place }) => ({
      file,
      sha256,
      to: place.path,
      draft: restoringFile(place.path),
    })),
  ]
  // Those of a restore that was interrupted stay, since databases may be in their places already.
  const added = files.some(({ draft }) => existsSync(draft)) ? [] : files
  const undo = added.map(
    ({ draft }) =>
      () =>
        rmSync(draft, { force: true }),
  )
  try {
    for (const { file, sha256, draft } of files)
      await copyPrivately(join(placing.folder, file), draft, sha256)
    for (const database of placing.databases) await prepare(database, placing.raise)
    const aside = createAside(undo)
    aside.move(present.filter((path) => !placing.otherDrafts.includes(path)))
    for (const { to, draft } of files) {
      renameSync(draft, to)
      undo.push(() => renameSync(to, draft))
    }
    for (const folder of new Set(files.map(({ to }) => dirname(to)))) syncPath(folder)
    aside.move(present.filter((path) => placing.otherDrafts.includes(path)))
    return aside.folders()
  } catch (error) {
    for (const step of undo.toReversed()) step()
    throw error
  }
}

/** Checks the copy too, since the file has been read again for it. */
async function copyPrivately(from: string, to: string, sha256: string): Promise<void> {
  createPrivateFolder(dirname(to))
  // A journal that an interrupted restore has left would be applied to the copy.
  for (const path of withCompanions(to).slice(1)) rmSync(path, { force: true })
  createPrivateFile(to)
  // Not by the system's copy, which takes the owner along.
  await pipeline(createReadStream(from), createWriteStream(to))
  const copied = await describeFile(dirname(to), basename(to))
  if (copied.sha256 !== sha256) throw new UsageError(`${to} is not what was copied to it.`)
  syncPath(to)
}

/** Raises the ids and versions of the copy. */
async function prepare({ place }: Placing['databases'][number], raise: number): Promise<void> {
  const { prepareRestored, restoringFile } = await import('@quintet/chassis/database/embedded')
  const draft = restoringFile(place.path)
  const owners = place.services.map((name): Service => services[name])
  const columns = Object.assign({}, ...owners.map(({ versionColumns }) => versionColumns))
  const streams = owners.flatMap(({ stream }) => stream ?? [])
  prepareRestored(draft, raise, place.isQueue ? { streams } : { columns })
  syncPath(draft)
}

/** `move` moves files, each into a new folder beside it, so that it stays on its disk. */
function createAside(undo: (() => void)[]) {
  const stamp = new Date().toISOString().replaceAll(/[-:.]/g, '')
  const folders = new Set<string>()
  return {
    folders: () => [...folders],
    move(paths: readonly string[]): void {
      for (const path of paths) {
        const folder = join(dirname(path), `replaced-${stamp}`)
        if (!folders.has(folder)) {
          createPrivateFolder(folder)
          undo.push(() => rmdirSync(folder))
          folders.add(folder)
        }
        const to = join(folder, basename(path))
        renameSync(path, to)
        undo.push(() => renameSync(to, path))
      }
      for (const folder of new Set(paths.map((path) => dirname(path)))) {
        syncPath(join(folder, `replaced-${stamp}`))
        syncPath(folder)
      }
    },
  }
}
