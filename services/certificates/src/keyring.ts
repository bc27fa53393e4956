import { createHash, createSecretKey, hkdfSync, randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError } from '@quintet/chassis/config'

/** A key that encrypts other keys. Its id is stored with what it has encrypted, and tells nothing about it. */
export type KeyEncryptionKey = { readonly id: string; readonly key: KeyObject }

/** `current` encrypts what is new; the previous ones are there for what has not been moved to it yet. */
export type Keyring = {
  readonly current: KeyEncryptionKey
  find(id: string): KeyEncryptionKey | undefined
  /** All ids, the current one first. */
  readonly ids: readonly string[]
  /** A key for another purpose, which says nothing about the current one that it is made of. */
  derive(purpose: string): Uint8Array
}

export type KeySettings = {
  readonly CERTIFICATES_KEY: string
  readonly CERTIFICATES_KEY_FILE: string
  readonly CERTIFICATES_DATABASE_URL: string
  readonly DATA_DIR: string
}

/**
 * The keys that the settings name, or those of a file, the current one first. An embedded database may do without: then a
 * key is made at the first start and kept beside it, which is for development, since who takes the disk takes both.
 */
export function loadKeyring(settings: KeySettings): Keyring {
  const { CERTIFICATES_KEY: text, CERTIFICATES_KEY_FILE: file } = settings
  if (text !== '' && file !== '')
    throw new ConfigError(['CERTIFICATES_KEY and CERTIFICATES_KEY_FILE are both set; one of them must go.'])
  if (text !== '') return createKeyring(parseKeys(text, 'CERTIFICATES_KEY'))
  return createKeyring(parseKeys(...readKeyFile(file, settings)))
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

/** Enough of a digest to tell keys apart, too little of one to learn from, as a key has 256 bits of its own. */
function idOf(key: Uint8Array): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 16)
}

function parseKeys(text: string, origin: string): Uint8Array[] {
  const words = text.split(/[\s,]+/).filter((word) => word !== '')
  const keys = words.map(parseKey)
  const good = keys.filter((key) => key !== undefined)
  if (words.length > 0 && good.length === words.length) return good
  throw new ConfigError([
    `${origin} must hold keys of 32 bytes, in hexadecimal or base64, separated by commas or line ends, the current one first; make one with: openssl rand -hex 32`,
  ])
}

function parseKey(word: string): Uint8Array | undefined {
  if (/^[0-9a-f]{64}$/i.test(word)) return Buffer.from(word, 'hex')
  if (/^[\w+/-]{43}=?$/.test(word)) return Buffer.from(word, 'base64')
  return undefined
}

function readKeyFile(file: string, settings: KeySettings): [string, string] {
  if (file !== '') return [read(file, `CERTIFICATES_KEY_FILE, ${file},`), `CERTIFICATES_KEY_FILE, ${file},`]
  if (!settings.CERTIFICATES_DATABASE_URL.startsWith('sqlite:'))
    throw new ConfigError([
      'CERTIFICATES_KEY_FILE or CERTIFICATES_KEY must be set, since the database is not an embedded one; make a key with: openssl rand -hex 32',
    ])
  const own = join(settings.DATA_DIR, 'certificates.key')
  makeKeyFile(settings.DATA_DIR, own)
  return [read(own, own), own]
}

/** The file appears whole and for its owner alone, and of processes that start together one makes it. */
function makeKeyFile(folder: string, path: string): void {
  mkdirSync(folder, { recursive: true })
  const draft = `${path}.${randomBytes(8).toString('hex')}`
  try {
    const key = `${randomBytes(keyBytes).toString('hex')}\n`
    writeFileSync(draft, key, { flag: 'wx', mode: 0o600, flush: true })
    linkSync(draft, path)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    rmSync(draft, { force: true })
  }
}

function read(path: string, origin: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'an unknown fault'
    throw new ConfigError([`${origin} cannot be read (${code}).`])
  }
}
