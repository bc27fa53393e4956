import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { existingFolder } from '../../files/index.ts'
import { AppError, dependencyDown, MigrationError } from '../../errors/index.ts'
import { lockFiles } from './locks.ts'

/** Runs the work on a database file. The error for a fault of the file or its folder has its path and what to do, which those of SQLite and the system lack. */
export async function withFileFaults<R>(path: string, work: () => R | Promise<R>): Promise<R> {
  try {
    return await work()
  } catch (error) {
    throw fileFaultOf(path, error)
  }
}

/**
 * A sentence for each of the paths at which no database file can be, as far as that can be seen without creating one; where the fault is
 * of their folder, for the first one in it only.
 */
export function pathFaults(paths: readonly string[]): string[] {
  const faults = new Map<string, string>()
  for (const path of paths) {
    const kind = kindOfPath(path)
    const place = kind === 'folder' || kind === 'ofOther' ? path : dirname(path)
    if (kind !== undefined && !faults.has(place)) faults.set(place, sentence(path, kind))
  }
  return [...faults.values()]
}

function kindOfPath(path: string): Kind | undefined {
  if (existsSync(path) && statSync(path).isDirectory()) return 'folder'
  if (unwritable(path) !== undefined) return 'ofOther'
  const folder = existingFolder(path)
  if (!statSync(folder).isDirectory()) return 'noFolder'
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
    return undefined
  } catch {
    return 'forbidden'
  }
}

function fileFaultOf(path: string, error: unknown): unknown {
  // A full disk is not a fault of the migration that was running.
  if (error instanceof MigrationError) {
    const fault = fileFaultOf(path, error.cause)
    return fault === error.cause ? error : fault
  }
  if (error instanceof AppError || !(error instanceof Error)) return error
  const kind =
    'errcode' in error ? kinds[Number(error.errcode) & 0xff] : 'code' in error && kinds[String(error.code)]
  if (!kind) return error
  return dependencyDown(sentence(path, kind), error)
}

/** The error for a database file whose check found it damaged. */
export function damagedFile(path: string, found: string): AppError {
  return new AppError('conflict', `${sentence(path, 'damaged')} The check found: ${found}`)
}

function sentence(path: string, kind: Kind): string {
  const isOfOther = (kind === 'forbidden' || kind === 'unopened') && unwritable(path) !== undefined
  return `The database file ${path} cannot be ${advice[isOfOther ? 'ofOther' : kind](path)}`
}

/** The file, or the first of those that go with it, that exists and cannot be written. */
function unwritable(path: string): string | undefined {
  const companions = ['', '-wal', '-shm', '-journal'].map((suffix) => path + suffix)
  const files = [...companions, ...Object.values(lockFiles(path))]
  return files.find((file) => existsSync(file) && !isWritable(file))
}

function isWritable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK | constants.W_OK)
    return true
  } catch {
    return false
  }
}

function ofOtherUser(path: string): string {
  const file = unwritable(path) ?? path
  const owner = statSync(file).uid
  const user = process.getuid?.()
  if (owner === user) return `written: give its owner the right to read and write ${file}.`
  return `written: ${file} belongs to ${owner === 0 ? 'root' : `the user ${owner}`}, and this process runs as the user ${user}: give it to that user, and whatever else in ${dirname(path)} is not that user's.`
}

type Kind = 'foreign' | 'damaged' | 'forbidden' | 'full' | 'ofOther' | 'folder' | 'noFolder' | 'unopened'

/** SQLite's primary result codes, and the system's codes of errors. */
const kinds: Readonly<Record<number | string, Kind>> = {
  8: 'forbidden',
  10: 'unopened',
  11: 'damaged',
  13: 'full',
  14: 'unopened',
  26: 'foreign',
  EACCES: 'forbidden',
  EPERM: 'forbidden',
  EROFS: 'forbidden',
  ENOSPC: 'full',
  EDQUOT: 'full',
  EISDIR: 'folder',
  EEXIST: 'noFolder',
  ENOTDIR: 'noFolder',
  ENOENT: 'unopened',
}

const advice: Readonly<Record<Kind, (path: string) => string>> = {
  foreign: () =>
    'used, since it is no SQLite database: restore it from a backup, or move it away to begin with an empty one.',
  damaged: (path) =>
    `used, since it is damaged: stop all services, move it and its -wal and -shm away, and restore it from a backup, or save what can be read with "sqlite3 ${path} .recover".`,
  forbidden: (path) =>
    `written: give the user of this process the right to write in ${dirname(path)}, or set DATA_DIR to another folder.`,
  ofOther: ofOtherUser,
  full: () => 'written, since the disk is full: make room, or set DATA_DIR to a folder on another disk.',
  folder: () => 'opened, since it is a folder: name a file, or set DATA_DIR to another folder.',
  noFolder: (path) =>
    `created, since ${dirname(path)} or something above it is a file: set DATA_DIR to a folder.`,
  unopened: (path) =>
    `opened: check that its folder ${dirname(path)} exists and that the user of this process may write there.`,
}
