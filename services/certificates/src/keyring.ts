import { createHash, createSecretKey, hkdfSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { join } from 'node:path'
import { ConfigError } from '@quintet/chassis/config'
import { createKeyFile, fileReason, namedFileFault, readListFile } from '@quintet/chassis/files'

/** A key that encrypts data keys. Its id is stored with them and does not reveal the key. */
type KeyEncryptionKey = { readonly id: string; readonly key: KeyObject }

/** `current` encrypts new data keys; the others decrypt those that have not been rewrapped yet. */
export type Keyring = {
  readonly current: KeyEncryptionKey
  find(id: string): KeyEncryptionKey | undefined
  /** All ids, the current one first. */
  readonly ids: readonly string[]
  /** Derives a key for another purpose from the current one, which it does not reveal. */
  derive(purpose: string): Uint8Array
}

/** 32 bytes in hexadecimal or base64, as a regular expression. */
export const keyPattern = '(?:[0-9A-Fa-f]{64}|[\\w+/-]{43}=?)'

export type KeySettings = {
  readonly CERTIFICATES_KEY: string
  readonly CERTIFICATES_DATABASE_URL: string
  readonly DATA_DIR: string
}

/**
 * The keys in the settings, the current one first. With an embedded database the first start generates a key and
 * stores it beside the database. That is for development, since a stolen disk has both.
 */
export function loadKeyring(settings: KeySettings): Keyring {
  const faults = keyFaults(settings)
  if (faults.length > 0) throw new ConfigError(faults)
  const generated = generatedKeyFile(settings)
  if (generated === undefined) return createKeyring(parseKeys(settings.CERTIFICATES_KEY, 'CERTIFICATES_KEY'))
  try {
    createKeyFile(generated)
  } catch (error) {
    const expected = 'a folder that the user of this process can write to'
    throw new ConfigError([namedFileFault('DATA_DIR', settings.DATA_DIR, error, expected)])
  }
  return createKeyring(parseKeys(read(generated), generated))
}

/** What is wrong with the settings of the keys, as far as they are given. */
export function keyFaults(settings: Partial<KeySettings>): readonly string[] {
  const { CERTIFICATES_KEY: text, CERTIFICATES_DATABASE_URL: url } = settings
  if (text === undefined) return []
  if (text === '')
    return url === undefined || url.startsWith('sqlite:')
      ? []
      : [
          'CERTIFICATES_KEY or CERTIFICATES_KEY_FILE must be set, since the database is not embedded; generate a key with: openssl rand -hex 32',
        ]
  try {
    parseKeys(text, 'CERTIFICATES_KEY')
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
}

/** The file with the generated key; undefined if the settings name another key. */
export function generatedKeyFile(settings: KeySettings): string | undefined {
  return settings.CERTIFICATES_KEY === '' ? keyFileIn(settings) : undefined
}

/** The file with a generated key of this id that the settings do not use; undefined if there is none. */
export function unusedKeyFile(settings: KeySettings, id: string): string | undefined {
  const file = keyFileIn(settings)
  try {
    return parseKeys(read(file), file).some((key) => idOf(key) === id) ? file : undefined
  } catch (error) {
    if (error instanceof ConfigError) return undefined
    throw error
  }
}

function keyFileIn({ DATA_DIR }: Pick<KeySettings, 'DATA_DIR'>): string {
  return join(DATA_DIR, 'certificates.key')
}

export function createKeyring(keys: readonly Uint8Array[]): Keyring {
  const all = keys.map((bytes) => ({ id: idOf(bytes), key: createSecretKey(bytes) }))
  const byId = new Map(all.map((one) => [one.id, one]))
  const [current] = all
  if (current === undefined) throw new Error('A keyring needs a key.')
  return {
    current,
    find: (id) => byId.get(id),
    ids: [...byId.keys()],
    derive: (purpose) => new Uint8Array(hkdfSync('sha256', current.key, '', purpose, keyBytes)),
  }
}

const keyBytes = 32

/** Enough of a digest to distinguish keys; it does not help to guess a key of 256 bits. */
function idOf(key: Uint8Array): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 16)
}

function parseKeys(text: string, origin: string): Uint8Array[] {
  const words = text.split(/[\s,]+/).filter((word) => word !== '')
  const keys = words.map(parseKey)
  const good = keys.filter((key) => key !== undefined)
  if (words.length > 0 && good.length === words.length) return good
  throw new ConfigError([
    `${origin} must hold keys of 32 bytes, in hexadecimal or base64, separated by commas or line breaks, the current one first; generate one with: openssl rand -hex 32`,
  ])
}

const wholeKey = new RegExp(`^${keyPattern}$`)

function parseKey(word: string): Uint8Array | undefined {
  if (!wholeKey.test(word)) return undefined
  return Buffer.from(word, word.length === 2 * keyBytes ? 'hex' : 'base64')
}

function read(path: string): string {
  try {
    return readListFile(path)
  } catch (error) {
    throw new ConfigError([`${path} ${fileReason(error) ?? 'cannot be read'}.`])
  }
}
