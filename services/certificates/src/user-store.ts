import type { Cache, Entry } from '@quintet/chassis/cache'
import { prepareQuery, returnedBy } from '@quintet/chassis/database'
import type { Placeholders } from '@quintet/chassis/database'
import { AppError } from '@quintet/chassis/errors'
import { recordStatements } from '@quintet/chassis/idempotency'
import type { IdempotencyRecord } from '@quintet/chassis/idempotency'
import type { Kysely } from 'kysely'
import type { CertificatesDatabase, CertificatesTables } from './database.ts'

export type UserStore = ReturnType<typeof createUserStore>

type User = { id: number; name: string; email: string; version: number }

/** Users behind the cache, which holds what is answered of them and never a hash. */
export function createUserStore({ database, cache }: { database: CertificatesDatabase; cache: Cache }) {
  const statements = prepareStatements(database.query)
  const toKeep = recordStatements(database.query)

  /** Somebody may get an id at any moment, so that nobody has it yet is never remembered: it is thrown. */
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
    /** What is answered of a user, without a promise where it can be. One who is not there is thrown, or undefined. */
    find,

    /** What is answered of a user; refuses one who is not there. */
    expect,

    /** Adds a user with the answers that tell of it; refuses an email that is taken. */
    async create(
      user: { name: string; email: string; passwordHash: string },
      answers: readonly IdempotencyRecord[],
    ): Promise<number> {
      const { name, email, passwordHash } = user
      const insert = {
        ...statements.insert({ name, email, emailKey: keyOf(email), passwordHash }),
        mustAffectRows: emailTaken,
      }
      const { results } = await database.commit([insert, ...toKeep(answers, returnedBy(insert, 'id'))])
      return Number(results[0]?.rows[0]?.id)
    },

    async findHash(email: string): Promise<{ id: number; passwordHash: string } | undefined> {
      const [row] = await database.read(statements.findHash({ emailKey: keyOf(email) }))
      return row && { id: row.id, passwordHash: row.password_hash }
    },

    /** Puts a new hash of the same password in place of an old one, unless somebody else has been there. */
    async upgradeHash(id: number, from: string, to: string): Promise<void> {
      await database.commit([statements.upgradeHash({ id, from, to })])
    },

    /** Deletes a user, and with it everything that is the user's, given the version if that must still be the one. */
    async delete(id: number, versions: readonly number[] | undefined): Promise<void> {
      const { version } = await expect(id)
      if (versions !== undefined && !versions.includes(version)) throw userMovedOn()
      const remove = { ...statements.delete({ id }), mustAffectRows: userNotFound }
      await cache.write(
        [String(id)],
        (deadline) => database.commit([remove], deadline),
        () => null,
      )
    },
  }
}

export const userNotFound = () => new AppError('not_found', 'User not found.')
const userMovedOn = () =>
  new AppError('precondition_failed', 'The user has changed since the version that If-Match names.')
const emailTaken = () =>
  new AppError('conflict', 'There is a user with this email already.', {
    errors: { email: 'There is a user with this email already.' },
  })

/** Two emails that differ in case alone are one. */
function keyOf(email: string): string {
  return email.normalize('NFKC').toLowerCase()
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
