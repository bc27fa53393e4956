import { existsSync } from 'node:fs'
import { ConfigError } from '@quintet/chassis/config'
import { readDatabase } from '@quintet/chassis/database'
import { broken } from '@quintet/chassis/diagnosis'
import type { Finding } from '@quintet/chassis/diagnosis'
import { AppError } from '@quintet/chassis/errors'
import type { Logger } from '@quintet/chassis/telemetry'
import type { Kysely } from 'kysely'
import type { CertificatesDatabase, CertificatesTables } from './database.ts'
import { generatedKeyFile, loadKeyring, unusedKeyFile } from './keyring.ts'
import type { Keyring, KeySettings } from './keyring.ts'

/**
 * The keyring of the settings. A key is generated only for a database that holds no private keys yet: where its file is missing
 * although there are some, it was lost, and a new key would hide that.
 */
export async function openKeyring(settings: KeySettings, database: CertificatesDatabase): Promise<Keyring> {
  await requireKeyFile(settings, database.query)
  return loadKeyring(settings)
}

/** Whether the stored private keys can be decrypted with the keys of the settings. Generates no key. */
export async function examineKeys(settings: KeySettings): Promise<Finding[]> {
  const findings = await readDatabase<CertificatesTables, Finding[]>(
    settings.CERTIFICATES_DATABASE_URL,
    async (query) => {
      try {
        await requireKeyFile(settings, query)
        const file = generatedKeyFile(settings)
        if (file === undefined || existsSync(file))
          await requireKnownKeys(query, loadKeyring(settings), settings)
        return []
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error
        return error.faults.map(broken)
      }
    },
  )
  return findings ?? []
}

async function requireKeyFile(settings: KeySettings, query: Kysely<CertificatesTables>): Promise<void> {
  const file = generatedKeyFile(settings)
  if (file === undefined || existsSync(file)) return
  const stored = await query.selectFrom('certificate').select('key_id').limit(1).executeTakeFirst()
  if (stored === undefined) return
  throw new ConfigError([
    `The key file ${file} is missing, but private keys are stored that can be read only with its key, ${stored.key_id}. Restore the file, or set CERTIFICATES_KEY or CERTIFICATES_KEY_FILE to the key.`,
  ])
}

/**
 * Checks that the keyring has every key that the stored private keys were encrypted with, so that a missing key is found at the
 * start and not when it is needed. If the database is down at the start, the check is made as soon as it responds, and the
 * service is not ready until then.
 */
export function createKeyCheck(
  database: CertificatesDatabase,
  keyring: Keyring,
  { settings, logger }: { settings: KeySettings; logger: Logger },
) {
  let hasPassed = false
  let isReported = false

  async function check(): Promise<void> {
    if (hasPassed) return
    await requireKnownKeys(database.query, keyring, settings)
    hasPassed = true
  }

  return {
    async atStart(): Promise<void> {
      await check().catch((error: unknown) => {
        if (!(error instanceof AppError)) throw error
        logger.warn({ err: error }, 'the database does not respond yet, so the key check is postponed')
      })
    },

    /** Rejects when the database does not respond or a key is missing. */
    async ping(): Promise<void> {
      await database.ping()
      await check().catch((error: unknown) => {
        if (!(error instanceof ConfigError)) throw error
        if (!isReported) logger.error({ err: error }, 'a key is missing, so the service is not ready')
        isReported = true
        throw new AppError('dependency_down', error.message, { cause: error })
      })
    },
  }
}

async function requireKnownKeys(
  query: Kysely<CertificatesTables>,
  { ids }: Keyring,
  settings: KeySettings,
): Promise<void> {
  const missing = await query
    .selectFrom('certificate')
    .select('key_id')
    .where('key_id', 'not in', ids)
    .limit(1)
    .executeTakeFirst()
  if (missing === undefined) return
  const fault = `Some private keys are encrypted with the key ${missing.key_id}, which is not among those given: ${ids.join(', ')}.`
  const file = unusedKeyFile(settings, missing.key_id)
  throw new ConfigError([file === undefined ? fault : `${fault} ${adviceOn(file)}`])
}

/** A first start without a setting has generated a key, which a setting that is made later does not replace. */
function adviceOn(file: string): string {
  return `It is the one in ${file}, which the first start generated: remove CERTIFICATES_KEY or CERTIFICATES_KEY_FILE, whichever is set, or add that key to it after the new one, run "npm run quintet certificates rewrap", and take it out again.`
}
