import { compatibilityCaselessKey, readDatabase } from '@quintet/chassis/database'
import { weak } from '@quintet/chassis/diagnosis'
import type { Finding } from '@quintet/chassis/diagnosis'
import { AppError } from '@quintet/chassis/errors'
import type { Logger } from '@quintet/chassis/telemetry'
import type { Kysely } from 'kysely'
import type { CertificatesTables } from './database.ts'

/** The size of the column; an email of usual length never reaches it. */
const keyBytesMax = 1024
const shownMax = 20

/** The form in which emails are compared, without case; undefined for one that is too long in this form. */
export function emailKeyOf(email: string): string | undefined {
  const key = compatibilityCaselessKey(email)
  return Buffer.byteLength(key) <= keyBytesMax ? key : undefined
}

/** Logs which users lost their key when the comparison changed. A database that does not respond yet is not examined. */
export async function warnOfUsersWithoutKey(
  query: Kysely<CertificatesTables>,
  logger: Logger,
): Promise<void> {
  const users = await findUsersWithoutKey(query).catch((error: unknown) => {
    if (!(error instanceof AppError)) throw error
    return []
  })
  if (users.length > 0)
    logger.warn(
      { users },
      'users cannot log in, since their emails match those of older users; PATCH gives them others',
    )
}

/** The same as a finding of `quintet doctor`. */
export async function examineUsers(url: string): Promise<Finding[]> {
  const users = await readDatabase<CertificatesTables, number[]>(url, findUsersWithoutKey)
  if (users === undefined || users.length === 0) return []
  return [
    weak(
      `Users cannot log in, since their emails match those of older users without case: ${users.join(', ')}. All else of them works, by their ids; PATCH /users/{id} gives them another email.`,
    ),
  ]
}

/** The first users that the migration left without a key; see migrations/0003-fold-email-keys.ts. */
async function findUsersWithoutKey(query: Kysely<CertificatesTables>): Promise<number[]> {
  const rows = await query
    .selectFrom('user')
    .select('id')
    .where('email_key', 'like', 'none:%')
    // The key of an email has an @, also if the email begins in the same way.
    .where('email_key', 'not like', '%@%')
    .orderBy('id')
    .limit(shownMax)
    .execute()
  return rows.map(({ id }) => Number(id))
}
