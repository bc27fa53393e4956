import { open, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createPrivateFile, createPrivateFolder } from '../files/index.ts'
import { beginning, hashOf, placeOf } from './chain.ts'
import type { ChainEnd } from './chain.ts'

/** Where the lines of a chain go. */
export type AuditSink = {
  /** What the file has when it is opened, and how many bytes of a line that was not finished were cut off. */
  readonly end: ChainEnd
  readonly tornBytes: number
  /** Appends whole lines; rejects where none of them has been appended. */
  append(text: string): Promise<void>
  /** Waits until what was appended is on the disk. */
  sync(): Promise<void>
  close(): Promise<void>
}

/** How often the file is looked for under its name. */
const checkIntervalMs = 250
/** More than any line has. */
const tailBytesMax = 256 * 1024

/**
 * Opens a file for the lines of this process alone, and cuts off what a process has left unfinished that was killed. Where the file is
 * renamed or removed later, the lines go on in a new one of its name. Throws a sentence where the file cannot be used.
 */
export async function openAuditFile(path: string): Promise<AuditSink> {
  createPrivateFolder(dirname(path))
  const lock = lockFor(path)
  let file: FileHandle | undefined
  try {
    file = await openForAppending(path)
    return sinkOf(path, { file, lock, ...(await repair(file, path)) })
  } catch (error) {
    await file?.close()
    lock.close()
    throw error
  }
}

function sinkOf(
  path: string,
  opened: { file: FileHandle; lock: DatabaseSync } & Pick<AuditSink, 'end' | 'tornBytes'>,
): AuditSink {
  let { file } = opened
  const { lock, end, tornBytes } = opened
  let checkedAt = performance.now()
  /** Where a part of a line begins that could not be cut off. */
  let unfinishedAt: number | undefined

  /** Follows a rotation. What was appended to the former file is on the disk before anything is to the new one. */
  async function followName(): Promise<void> {
    if (performance.now() - checkedAt < checkIntervalMs) return
    if (!(await isNamed(file, path))) {
      await file.datasync()
      const former = file
      file = await openForAppending(path)
      await former.close()
      unfinishedAt = undefined
    }
    checkedAt = performance.now()
  }

  async function cutOff(): Promise<void> {
    await file.truncate(unfinishedAt)
    unfinishedAt = undefined
  }

  return {
    end,
    tornBytes,
    async append(text) {
      await followName()
      if (unfinishedAt !== undefined) await cutOff()
      // If the disk is full, a part of the text may be there.
      unfinishedAt = (await file.stat()).size
      await file.appendFile(text).catch(async (error: unknown) => {
        await cutOff()
        throw error
      })
      unfinishedAt = undefined
    },
    sync: () => file.datasync(),
    async close() {
      await file.datasync().finally(() => file.close())
      lock.close()
    },
  }
}

/** A lock that the kernel releases when the process ends in whatever way. */
function lockFor(path: string): DatabaseSync {
  const lockPath = join(dirname(path), 'locks', basename(path))
  createPrivateFolder(dirname(lockPath))
  createPrivateFile(lockPath)
  const lock = new DatabaseSync(lockPath)
  try {
    lock.exec('pragma journal_mode = memory; begin exclusive')
    return lock
  } catch (cause) {
    lock.close()
    throw new Error('another process writes to it', { cause })
  }
}

/** Its name is on the disk too, before anything counts as written. */
async function openForAppending(path: string): Promise<FileHandle> {
  createPrivateFile(path)
  const file = await open(path, 'a+')
  const folder = await open(dirname(path), 'r')
  await folder.sync().finally(() => folder.close())
  return file
}

async function isNamed(file: FileHandle, path: string): Promise<boolean> {
  const own = await file.stat()
  const named = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
  return named !== undefined && named.ino === own.ino && named.dev === own.dev
}

/** The end of the chain in a file, from which it cuts what follows the last line break. Throws for a file of something else. */
async function repair(file: FileHandle, path: string): Promise<{ end: ChainEnd; tornBytes: number }> {
  const { size } = await file.stat()
  const length = Math.min(size, tailBytesMax)
  const { buffer: tail } = await file.read(Buffer.alloc(length), 0, length, size - length)
  const lastBreak = tail.lastIndexOf(10)
  const tornBytes = length - lastBreak - 1
  const end = lastBreak < 0 ? endOfUnfinished(tail, size) : endOfLine(lastLine(tail.subarray(0, lastBreak)))
  if (end === undefined) throw new Error(`${path} is not an audit log`)
  if (tornBytes > 0) await file.truncate(size - tornBytes)
  return { end, tornBytes }
}

function lastLine(text: Buffer): string {
  return text.subarray(text.lastIndexOf(10) + 1).toString()
}

function endOfLine(line: string): ChainEnd | undefined {
  const place = placeOf(line)
  return place && { number: place.number, hash: hashOf(line) }
}

/** Of an empty file, or of one whose first line was not finished. */
function endOfUnfinished(tail: Buffer, size: number): ChainEnd | undefined {
  const start = tail.subarray(0, lineStart.length).toString()
  return tail.length === size && lineStart.startsWith(start) ? beginning : undefined
}

/** How each line begins. */
const lineStart = '{"audit":"'
