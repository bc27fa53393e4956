import {
  chmodSync,
  closeSync,
  existsSync,
  fchownSync,
  lchownSync,
  mkdirSync,
  openSync,
  realpathSync,
  statSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

const privateFolder = 0o700
const privateFile = 0o600

/**
 * Creates a folder, and those above it, that only the owner of the process can enter; one that exists stays as it is. What root creates
 * is given to the owner of the folder around it, since that is the user of the services.
 */
export function createPrivateFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return
  // Not recursive, since that reports a folder that cannot be written as missing, and never ends in /proc.
  if (!existsSync(dirname(path))) createPrivateFolder(dirname(path))
  try {
    mkdirSync(path, { mode: privateFolder })
    giveToOwner(dirname(path), (uid, gid) => lchownSync(path, uid, gid))
  } catch (error) {
    // Another process has created it.
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error
  }
}

/** Creates an empty file that only the owner can read and write, or takes the rights of others from one that exists. */
export function createPrivateFile(path: string): void {
  if (!createNewPrivateFile(path)) closeSync(openSync(path, 'a', privateFile))
  restrict(path, privateFile)
}

/** Creates an empty file that only the owner can read and write; false if the path exists, also as a symbolic link. */
export function createNewPrivateFile(path: string): boolean {
  const created = openNew(path)
  if (created === undefined) return false
  giveToOwner(dirname(path), (uid, gid) => fchownSync(created, uid, gid))
  closeSync(created)
  return true
}

/** Undefined if the path exists, also as a symbolic link: so root does not change the owner of a file that the link leads to. */
function openNew(path: string): number | undefined {
  try {
    return openSync(path, 'ax', privateFile)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return undefined
    throw error
  }
}

function giveToOwner(folder: string, give: (uid: number, gid: number) => void): void {
  if (process.getuid?.() !== 0) return
  const { uid, gid } = statSync(folder)
  try {
    if (uid !== 0) give(uid, gid)
  } catch {
    // A file system or a container may not permit it; then the file is root's.
  }
}

/** Takes the rights of others from a file, if it exists. */
export function restrictFile(path: string): void {
  restrict(path, privateFile)
}

/**
 * Takes the rights of others from a folder, if it exists. A folder that is not for data alone stays as it is: one in which all
 * may write, such as /tmp, and one above the home or the current folder.
 */
export function restrictFolder(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined || !found.isDirectory() || (found.mode & sticky) !== 0) return
  const real = join(realpathSync(path), '/')
  if (![homedir(), process.cwd()].some((folder) => join(folder, '/').startsWith(real)))
    restrict(path, privateFolder)
}

const sticky = 0o1000
const rightsOfOthers = 0o077

/** The owner of what another user uses has chosen its rights, and who mounted a file system those that it does not let change. */
function restrict(path: string, mode: number): void {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined || (found.mode & rightsOfOthers) === 0 || found.uid !== process.getuid?.()) return
  try {
    chmodSync(path, mode)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (!refusalsOfMounts.includes(code)) throw error
  }
}

/** Of one that is read-only, such as the root of a container, and of those without modes of their own, such as FAT and SMB. */
const refusalsOfMounts = ['EROFS', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']
