import { randomBytes } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, resolve, sep } from 'node:path'
import type { Settings } from '@quintet/chassis/config'
import { refuseHalfRestored } from '@quintet/chassis/database'
import { unusedStorage } from '@quintet/chassis/diagnosis'
import { serviceNames } from '@quintet/contracts/topology'
import { dataFolderNote, dataFolderOf, settingsFor, storageUser } from './services.ts'
import { describeFile, manifestFile, sealedManifest } from './backup/manifest.ts'
import type { Manifest } from './backup/manifest.ts'
import { expectedFiles, generatedKeyFiles, leftOut } from './backup/embedded-storage.ts'
import type { EmbeddedFile } from './backup/embedded-storage.ts'
import { folderAndOption } from './backup/arguments.ts'
import { syncPath } from './backup/sync-path.ts'
import { quintetVersion } from './quintet-version.ts'
import { UsageError } from './usage-error.ts'

export const backupUsage =
  '  quintet backup <folder>                   copy the embedded storage of all services, which may run, to a new folder; [--without-keys]\n'

export const backupOptions = { 'without-keys': { type: 'boolean' } } as const

/** `quintet backup`: copies all embedded databases as of one instant, with the generated keys. */
export async function backup(words: readonly string[]): Promise<void> {
  const { folder, isSet: isWithoutKeys } = folderAndOption('backup', backupOptions, words)
  const settings = settingsFor(serviceNames)
  const files = expectedFiles(settings)
  for (const path of [...files.map(({ path }) => path), ...generatedKeyFiles(settings)])
    refuseHalfRestored(path)
  const existing = files.filter(({ path }) => existsSync(path))
  const notes = leftOut(settings)
  if (existing.length === 0)
    throw new UsageError(
      ['There is no embedded database to back up.', dataFolderNote(settings), ...notes].join('\n'),
    )
  checkTarget(folder, [dataFolderOf(settings), ...existing.map(({ path }) => dirname(path))])
  const keys = () => generatedKeyFiles(settings).filter((path) => existsSync(path))
  const manifest = await writeWhole(folder, (draft) =>
    writeBackup(draft, existing, isWithoutKeys ? () => [] : keys),
  )
  process.stdout.write(`${reportOf(folder, manifest)}${dataFolderNote(settings)}\n`)
  for (const { path } of files.filter((file) => !existing.includes(file)))
    process.stdout.write(`${path} does not exist yet, so it is not in the backup.\n`)
  for (const note of [...notes, ...(await unusedNotes(settings))]) process.stdout.write(`${note}\n`)
  if (isWithoutKeys && keys().length > 0)
    process.stdout.write(
      `Not in it: ${keys().join(', ')}. Without its key no stored private key can be read.\n`,
    )
}

/** What services have left behind in files that their settings do not name any more. */
async function unusedNotes(settings: Settings): Promise<string[]> {
  const unused = await Promise.all(serviceNames.map((name) => unusedStorage(storageUser(name, settings))))
  return unused.flat().map(({ text }) => text)
}

/** Throws for a folder that must not or cannot be created. */
function checkTarget(folder: string, dataFolders: readonly string[]): void {
  const above = dirname(folder)
  if (existsSync(folder)) throw new UsageError(`${folder} exists already: name a folder that does not exist.`)
  if (!existsSync(above) || !statSync(above).isDirectory())
    throw new UsageError(`${folder} cannot be created, since there is no folder ${above}: create it first.`)
  const real = realpathSync(above) + sep
  const around = dataFolders.find((data) => existsSync(data) && real.startsWith(realpathSync(data) + sep))
  if (around !== undefined)
    throw new UsageError(
      `${folder} is in ${around}, which has the data: name a folder elsewhere, best on another disk.`,
    )
}

/** Writes a folder under another name; it gets its own once all of it is on the disk, and is removed on failure. */
async function writeWhole<T>(folder: string, write: (draft: string) => Promise<T>): Promise<T> {
  const draft = `${folder}.partial-${randomBytes(4).toString('hex')}`
  const remove = () => rmSync(draft, { recursive: true, force: true })
  const end = (signal: NodeJS.Signals) => {
    remove()
    process.kill(process.pid, signal)
  }
  for (const signal of signals) process.once(signal, end)
  try {
    mkdirSync(draft, { mode: 0o700 })
    const result = await write(draft)
    syncPath(draft)
    renameSync(draft, folder)
    syncPath(dirname(folder))
    return result
  } catch (error) {
    remove()
    throw error
  } finally {
    for (const signal of signals) process.off(signal, end)
  }
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

async function writeBackup(
  draft: string,
  files: readonly EmbeddedFile[],
  keys: () => readonly string[],
): Promise<Manifest> {
  const { copyAtOneInstant } = await import('@quintet/chassis/database/embedded')
  const names = namesOf(files.map(({ path }) => path))
  // A fixed order of the locks, so that two backups cannot wait for each other.
  const copies = files
    .map((file, i) => ({ ...file, from: file.path, to: join(draft, names[i] ?? '') }))
    .sort((one, other) => (one.from < other.from ? -1 : 1))
  const { instant, migrations } = await copyAtOneInstant(copies)
  const databases: Manifest['databases'] = []
  for (const [i, { to, settings, services }] of copies.entries()) {
    syncPath(to)
    const described = await describeFile(draft, basename(to))
    const applied = migrations[i] ?? []
    databases.push({ ...described, settings: [...settings], services: [...services], migrations: applied })
  }
  const manifest = sealedManifest({
    quintet: quintetVersion(),
    time: new Date(instant).toISOString(),
    databases,
    // After the databases, since a key is created before what it encrypts, and does not change.
    keys: await copyKeys(draft, keys()),
  })
  const text = `${JSON.stringify(manifest, undefined, 2)}\n`
  writeFileSync(join(draft, manifestFile), text, { mode: 0o600, flush: true })
  return manifest
}

async function copyKeys(draft: string, keys: readonly string[]): Promise<Manifest['keys']> {
  const described: Manifest['keys'] = []
  for (const path of keys) {
    const copy = join(draft, basename(path))
    copyFileSync(path, copy)
    syncPath(copy)
    described.push(await describeFile(draft, basename(path)))
  }
  return described
}

/** File names, each once: with a number where folders have files of one name. */
function namesOf(paths: readonly string[]): string[] {
  const names: string[] = []
  for (const path of paths) {
    const name = basename(path)
    names.push(names.includes(name) ? `${names.length}-${name}` : name)
  }
  return names
}

function reportOf(folder: string, { time, databases, keys }: Manifest): string {
  const lines = databases.map(
    ({ file, size, services }) =>
      `  ${file.padEnd(20)} ${String(size).padStart(12)} bytes   ${services.join(', ')}\n`,
  )
  const secrets = keys.map(({ file }) => file)
  const warning =
    secrets.length > 0
      ? `It holds secrets (${secrets.join(', ')}): keep it where only you can read it.\n`
      : ''
  return `The backup ${resolve(folder)} is whole, and shows the storage as of ${time}.\n${lines.join('')}${warning}`
}
