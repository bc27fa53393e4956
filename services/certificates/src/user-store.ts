import type { Cache, Entry } from '@quintet/chassis/cache'
import { prepareQuery, returnedBy } from '@quintet/chassis/database'
import type { Outcome, Placeholders } from '@quintet/chassis/database'
import { AppError } from '@quintet/chassis/errors'
import { recordStatements } from '@quintet/chassis/idempotency'
import type { IdempotencyRecord } from '@quintet/chassis/idempotency'
import type { Kysely } from 'kysely'
import type { CertificatesDatabase, CertificatesTables } from './database.ts'
import { emailKeyOf } from './email-key.ts'

export type UserStore = ReturnType<typeof createUserStore>

type User = { id: number; name: string; email: string; version: number }

/** Users behind a cache, which holds their representations and never a password hash. */
export function createUserStore({ database, cache }: { database: CertificatesDatabase; cache: Cache }) {
  const statements = prepareStatements(database.query)
  const insertRecords = recordStatements(database.query)

  /** Throws when there is no such user, because an absence must not be cached: the id may be assigned at any time. */
  function load(id: number): Entry | Promise<Entry> {
    const rows = database.read(statements.find({ id }))
    return rows instanceof Promise ? rows.then(firstEntry) : firstEntry(rows)
  }

  const find = (id: number) => cache.read(String(id), () => load(id))

  async function expect(id: number): Promise<Entry> {
    const entry = await find(id)
    if (entry === undefined) throw userNotFound()
    return entry
  }

  return {
    /** The representation of a user, without a promise if it is cached. A missing user throws or is undefined. */
    find,

    /** The representation of a user; rejects with `not_found`. */
    expect,

    /** Adds a user, with the idempotency records of the response; rejects with `conflict` when the email is taken. */
    async create(
      user: { name: string; email: string; passwordHash: string },
      records: readonly IdempotencyRecord[],
    ): Promise<number> {
      const { name, email, passwordHash } = user
      const emailKey = emailKeyOf(email)
      if (emailKey === undefined) throw emailTooLong()
      const insert = {
        ...statements.insert({ name, email, emailKey, passwordHash }),
        mustAffectRows: emailTaken,
      }
      const { results } = await database.commit([insert, ...insertRecords(records, returnedBy(insert, 'id'))])
      return Number(results[0]?.rows[0]?.id)
    },

    async findHash(email: string): Promise<{ id: number; passwordHash: string } | undefined> {
      const emailKey = emailKeyOf(email)
      if (emailKey === undefined) return undefined
      const [row] = await database.read(statements.findHash({ emailKey }))
      return row && { id: row.id, passwordHash: row.password_hash }
    },

    /** Replaces an outdated hash of the same password, unless it was replaced meanwhile. */
    async upgradeHash(id: number, from: string, to: string): Promise<void> {
      await database.commit([statements.upgradeHash({ id, from, to })])
    },

    /** Deletes a user with its certificates; resolves to false when there is no such user. */
    async delete(id: number): Promise<boolean> {
      const outcome = await cache.write(
        [String(id)],
        (deadline) => database.commit([statements.delete({ id })], deadline),
        // The absence of a deleted user may be cached, since ids are never reused; that of an unassigned id must not.
        (result) => (isDeleted(result) ? null : undefined),
      )
      return isDeleted(outcome)
    },
  }
}

export const userNotFound = () => new AppError('not_found', 'User not found.')
const emailTaken = () =>
  new AppError('conflict', 'A user with this email already exists.', {
    errors: { email: 'A user with this email already exists.' },
  })
const emailTooLong = () =>
  new AppError('unprocessable', 'email is too long.', { errors: { email: 'email is too long.' } })

function isDeleted({ results }: Outcome): boolean {
  return results[0]?.changes === 1
}

function firstEntry([row]: readonly User[]): Entry {
  if (row === undefined) throw userNotFound()
  const { id, name, email, version } = row
  return { version, expiresAtMs: Number.POSITIVE_INFINITY, text: JSON.stringify({ id, name, email }) }
}

function prepareStatements(db: Kysely<CertificatesTables>) {
  return {
    find: prepareQuery((p: Placeholders<{ id: number }>) =>
      db.selectFrom('user').select(['id', 'name', 'email', 'version']).where('id', '=', p.id),
    ),
    insert: prepareQuery(
      (p: Placeholders<{ name: string; email: string; emailKey: string; passwordHash: string }>) =>
        db
          .insertInto('user')
          .values({
            name: p.name,
            email: p.email,
            email_key: p.emailKey,
            password_hash: p.passwordHash,
            version: 1,
          })
          .onConflict((conflict) => conflict.column('email_key').doNothing())
          .returning('id'),
    ),
    findHash: prepareQuery((p: Placeholders<{ emailKey: string }>) =>
      db.selectFrom('user').select(['id', 'password_hash']).where('email_key', '=', p.emailKey),
    ),
    upgradeHash: prepareQuery((p: Placeholders<{ id: number; from: string; to: string }>) =>
      db
        .updateTable('user')
        .set({ password_hash: p.to })
        .where('id', '=', p.id)
        .where('password_hash', '=', p.from),
    ),
    delete: prepareQuery((p: Placeholders<{ id: number }>) => db.deleteFrom('user').where('id', '=', p.id)),
  }
}
