import { randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

const keyBytes = 32

/** A key that several services share: that of the setting, or else of a file; undefined, with a warning, where the file cannot be used. */
export function readSharedKey(
  setting: string,
  path: string,
  logger: { warn(details: object, message: string): void },
): string | undefined {
  if (setting !== '') return setting
  try {
    return readOrCreateKey(path)
  } catch (err) {
    logger.warn({ err }, `${path} cannot be used, so what its key is for is not done`)
    return undefined
  }
}

/** The key in a file, which is created if it is missing, readable by its owner only; processes that start together get the same one. */
function readOrCreateKey(path: string): string {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const draft = `${path}.${randomBytes(8).toString('hex')}`
  try {
    writeFileSync(draft, `${randomBytes(keyBytes).toString('hex')}\n`, {
      flag: 'wx',
      mode: 0o600,
      flush: true,
    })
    linkSync(draft, path)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    rmSync(draft, { force: true })
  }
  return readFileSync(path, 'utf8').trim()
}
