import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPrivateFile } from '../../files/index.ts'

export type Location = {
  readonly path: string
  /** The file is in a new temporary folder, so no other process opens it, and it is removed when it is closed. */
  readonly isPrivate: boolean
  remove(): void
}

/** A private database that is removed when it is closed. It is a file all the same, so that it behaves as one. */
export function createPrivateLocation(): Location {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  return { path: join(folder, 'private.db'), isPrivate: true, remove }
}

/** Private databases as they were before their first use, by the folder and the names of their migrations. */
const migratedFiles = new Map<string, Buffer>()

/** Creates the file with its tables: a copy of the first one with these migrations, which takes a fraction of the time of the migrator. */
export async function createMigrated(
  path: string,
  migrations: readonly string[],
  migrate: () => Promise<unknown>,
): Promise<void> {
  const key = migrations.join(' ')
  const file = migratedFiles.get(key)
  if (file === undefined) {
    await migrate()
    migratedFiles.set(key, readFileSync(path))
  } else {
    createPrivateFile(path)
    writeFileSync(path, file)
  }
}
