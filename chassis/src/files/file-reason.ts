import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { FileFault } from './bounded-file.ts'

/** By code of the system. */
const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EACCES: 'may not be used by the user of this process',
  EPERM: 'may not be used by the user of this process',
  EISDIR: 'is a folder',
  ENOTDIR: 'cannot exist, since something above it is a file',
  EEXIST: 'exists already',
  ELOOP: 'is a link that leads to itself',
  EROFS: 'is on a file system that cannot be written',
  ENOSPC: 'cannot be written, since the disk is full',
}

/** Why a file cannot be used, as what follows its path in a sentence; undefined for an error that is none about a file. */
export function fileReason(error: unknown): string | undefined {
  if (error instanceof FileFault) return error.message
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined
  // Such as of a socket, whose path is that of no file.
  if (error.syscall === 'connect' || 'address' in error) return undefined
  return reasons[String(error.code)] ?? `cannot be used (${error.code})`
}

/** A sentence on the file that a setting names and that cannot be used. `expected` says what it must be. */
export function namedFileFault(setting: string, path: string, error: unknown, expected: string): string {
  const reason = fileReason(error)
  if (reason !== undefined) return `${setting}, ${path}, ${reason}: it must be ${expected}.`
  return `${setting}, ${path}, cannot be used: ${error instanceof Error ? error.message : error}.`
}

/** The same for a file that cannot be read, whatever is in it; undefined for one that can, and where the setting is empty. */
export function unreadableFile(setting: string, path: string, expected: string): string | undefined {
  if (path === '') return undefined
  try {
    accessSync(path, constants.R_OK)
    return statSync(path).isFile() ? undefined : `${setting}, ${path}, is not a file: it must be ${expected}.`
  } catch (error) {
    return namedFileFault(setting, path, error, expected)
  }
}

/** The same for a file that is written, and created where it is missing, with its folder. */
export function unwritableFile(setting: string, path: string, expected: string): string | undefined {
  try {
    if (path.endsWith('/') || statSync(path, { throwIfNoEntry: false })?.isDirectory())
      return `${setting}, ${path}, is a folder: it must be ${expected}.`
    // Below a file this fails as it does for the user.
    accessSync(`${existingFolder(path)}/.`, constants.W_OK | constants.X_OK)
    return undefined
  } catch (error) {
    return namedFileFault(setting, path, error, expected)
  }
}

/** What exists of the path to a file, and would be its folder, or that of its folder. */
export function existingFolder(path: string): string {
  let folder = dirname(path)
  while (!existsSync(folder)) folder = dirname(folder)
  return folder
}
