import { randomBytes } from 'node:crypto'
import { linkSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { readListFile } from './bounded-file.ts'
import { fileReason } from './file-reason.ts'
import { createPrivateFile, createPrivateFolder, restrictFile } from './private-files.ts'

const keyBytes = 32

/**
 * Creates a file with a random key of 32 bytes in hexadecimal, readable by its owner only; one that exists keeps its key.
 * Processes that start together get the same one.
 */
export function createKeyFile(path: string): void {
  createPrivateFolder(dirname(path))
  restrictFile(path)
  const draft = `${path}.${randomBytes(8).toString('hex')}`
  try {
    const key = `${randomBytes(keyBytes).toString('hex')}\n`
    createPrivateFile(draft)
    writeFileSync(draft, key, { flush: true })
    linkSync(draft, path)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    rmSync(draft, { force: true })
  }
}

/**
 * A key that several services share: that of the setting, or else of a file, which is created; undefined, with a warning, where
 * the file cannot be used.
 */
export function readSharedKey(
  setting: string,
  path: string,
  logger: { warn(details: object, message: string): void },
): string | undefined {
  if (setting !== '') return setting
  try {
    createKeyFile(path)
    return readListFile(path).trim()
  } catch (error) {
    const reason = fileReason(error) ?? (error instanceof Error ? error.message : String(error))
    logger.warn({ path, reason }, 'a file cannot be used, so what its key is for is not done')
    return undefined
  }
}
