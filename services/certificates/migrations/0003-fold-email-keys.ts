import { compatibilityCaselessKey } from '@quintet/chassis/database'
import type { Kysely } from 'kysely'

const rowsPerPage = 500
const keyBytesMax = 1024

/**
 * Keys become those of a caseless match, under which emails may match that did not. The oldest user of such an email gets the
 * key; the others get one that no email has, so they keep everything but the login.
 */
export function up(db: Kysely<Tables>): Promise<void> {
  return replaceKeys(db, compatibilityCaselessKey)
}

export function down(db: Kysely<Tables>): Promise<void> {
  return replaceKeys(db, (email) => email.normalize('NFKC').toLowerCase())
}

type Tables = { user: { id: number; email: string; email_key: string } }

async function replaceKeys(db: Kysely<Tables>, keyOf: (email: string) => string): Promise<void> {
  const changes = await findChanges(db, keyOf)
  for (const { id } of changes) await setKey(db, id, noKey(id))
  for (const { id, key } of changes) {
    if (Buffer.byteLength(key) > keyBytesMax) continue
    const holder = await db.selectFrom('user').select('id').where('email_key', '=', key).executeTakeFirst()
    if (holder !== undefined) {
      if (Number(holder.id) < id) continue
      await setKey(db, holder.id, noKey(holder.id))
    }
    await setKey(db, id, key)
  }
}

/** The users whose key changes, oldest first. */
async function findChanges(db: Kysely<Tables>, keyOf: (email: string) => string) {
  const changes: { id: number; key: string }[] = []
  for (let after = 0; ; ) {
    const rows = await db
      .selectFrom('user')
      .select(['id', 'email', 'email_key'])
      .where('id', '>', after)
      .orderBy('id')
      .limit(rowsPerPage)
      .execute()
    for (const { id, email, email_key } of rows) {
      const key = keyOf(email)
      if (key !== email_key) changes.push({ id: Number(id), key })
      after = Number(id)
    }
    if (rows.length < rowsPerPage) return changes
  }
}

function noKey(id: number): string {
  return `none:${id}`
}

async function setKey(db: Kysely<Tables>, id: number, key: string): Promise<void> {
  await db.updateTable('user').set({ email_key: key }).where('id', '=', id).execute()
}
