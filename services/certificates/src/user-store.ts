import type { Cache, Entry } from '@quintet/chassis/cache'
import { prepareQuery, returnedBy } from '@quintet/chassis/database'
import type { Outcome, Placeholders, Result } from '@quintet/chassis/database'
import { AppError } from '@quintet/chassis/errors'
import type { Owner } from '@quintet/chassis/guard'
import { recordStatements } from '@quintet/chassis/idempotency'
import type { IdempotencyRecord } from '@quintet/chassis/idempotency'
import type { Kysely } from 'kysely'
import type { CertificatesDatabase, CertificatesTables } from './database.ts'
import { emailKeyOf } from './email-key.ts'
import type { Deletion } from './deletion.ts'
import type { Right } from './rights.ts'

export type UserStore = ReturnType<typeof createUserStore>

type User = { id: number; name: string; email: string; version: number; owner: Owner }

/** Users behind a cache, which holds their representations; their password hashes are read by `credential-store.ts`. */
export function createUserStore({
  database,
  cache,
  deletion,
}: {
  database: CertificatesDatabase
  cache: Cache
  deletion: Deletion
}) {
  const statements = prepareStatements(database.query)
  const insertRecords = recordStatements(database.query)

  /** Throws when there is no such user, because an absence must not be cached: the id may be assigned at any time. */
  function load(id: number): Entry | Promise<Entry> {
    const rows = database.read(statements.find({ id }))
    return rows instanceof Promise ? rows.then(firstEntry) : firstEntry(rows)
  }

  const find = (id: number) => cache.read(String(id), () => load(id))

  async function expect(id: number, right: Right): Promise<Entry> {
    const entry = await find(id)
    if (entry === undefined || !right(entry.owner)) throw userNotFound()
    return entry
  }

  /** The same where the user is not needed: with a right to all it reads nothing. The owner of a user never changes. */
  async function admit(id: number, right: Right): Promise<void> {
    if (!right(null)) await expect(id, right)
  }

  async function isTaken(emailKey: string | null, id: number): Promise<boolean> {
    if (emailKey === null) return false
    const [holder] = await database.read(statements.findHolder({ emailKey }))
    return holder !== undefined && holder.id !== id
  }

  return {
    /** The representation of a user, without a promise if it is cached. A missing user throws or is undefined. */
    find,

    /** The representation of a user; rejects with `not_found`, also where there is no right to it. */
    expect,

    /** Rejects with `not_found` where there is no right to a user; a user that is missing may go unnoticed. */
    admit,

    /** Adds a user, with the idempotency records of the response; rejects with `conflict` when the email is taken. */
    async create(
      user: { name: string; email: string; passwordHash: string; owner: Owner },
      records: readonly IdempotencyRecord[],
    ): Promise<number> {
      const { name, email, passwordHash, owner } = user
      const emailKey = emailKeyOf(email)
      if (emailKey === undefined) throw emailTooLong()
      const insert = {
        ...statements.insert({ name, email, emailKey, passwordHash, owner }),
        mustAffectRows: emailTaken,
      }
      const { results } = await database.commit([insert, ...insertRecords(records, returnedBy(insert, 'id'))])
      return Number(results[0]?.rows[0]?.id)
    },

    /**
     * Changes the name, the email or both, if the user has this version where one is given; undefined when it has another. Rejects with
     * `not_found`, or with `conflict` when the email is taken.
     */
    async change(
      id: number,
      { name = null, email = null }: { name?: string | null; email?: string | null },
      { version = null, right }: Condition,
    ): Promise<Entry | undefined> {
      const emailKey = email === null ? null : emailKeyOf(email)
      if (emailKey === undefined) throw emailTooLong()
      await admit(id, right)
      const update = statements.update({ id, version, name, email, emailKey })
      const outcome = await cache
        .write(
          [String(id)],
          (deadline) => database.commit([update], deadline),
          ({ results }) => changed(results[0]),
        )
        .catch(async (error: unknown) => {
          // Of two that take an email at once on a server, one fails for its index.
          throw error instanceof AppError || !(await isTaken(emailKey, id)) ? error : emailTaken()
        })
      const entry = changed(outcome.results[0])
      if (entry !== undefined) return entry
      const current = await expect(id, right)
      const isWanted = version === null || version === current.version
      if (isWanted && (await isTaken(emailKey, id))) throw emailTaken()
      return undefined
    },

    /** Deletes a user with its certificates; resolves to false when there is no such user of this version, or of any if it is null. */
    async delete(id: number, { version = null, right }: Condition): Promise<boolean> {
      await admit(id, right)
      const unit = await deletion.unitOf(id, version)
      const outcome = await cache.write(
        [String(id)],
        (deadline) => database.commit(unit, deadline),
        // The absence of a deleted user may be cached, since ids are never reused; that of an unassigned id must not.
        (result) => (isDeleted(result) ? null : undefined),
      )
      return isDeleted(outcome)
    },
  }
}

/** The only version that may be changed, any without one; and the right to change the user. */
type Condition = { readonly version?: number | null | undefined; readonly right: Right }

export const userNotFound = () => new AppError('not_found', 'User not found.')
const emailTaken = () => emailError('conflict', 'email must be one that no other user has.')
const emailTooLong = () =>
  emailError('unprocessable', 'email must be shorter: without regard to case it has too many characters.')

function emailError(code: 'conflict' | 'unprocessable', email: string): AppError {
  return new AppError(code, email, { errors: { email } })
}

function isDeleted({ results }: Outcome): boolean {
  return results[0]?.changes === 1
}

function firstEntry([row]: readonly User[]): Entry {
  if (row === undefined) throw userNotFound()
  return entryOf(row)
}

/** The user that a change returned; undefined if it changed none. The type is that of the statement, as for a read. */
function changed(result: Result | undefined): Entry | undefined {
  const [row] = (result?.rows ?? []) as readonly User[]
  return row && entryOf(row)
}

function entryOf({ id, name, email, version, owner }: User): Entry {
  return { version, expiresAtMs: Number.POSITIVE_INFINITY, text: JSON.stringify({ id, name, email }), owner }
}

type UserUpdate = {
  id: number
  version: number | null
  name: string | null
  email: string | null
  emailKey: string | null
}

function prepareStatements(db: Kysely<CertificatesTables>) {
  return {
    find: prepareQuery((p: Placeholders<{ id: number }>) =>
      db
        .selectFrom('user')
        .select(['id', 'name', 'email', 'version', 'owner'])
        .where('id', '=', p.id)
        .where('deleted', '=', 0),
    ),
    insert: prepareQuery(
      (
        p: Placeholders<{
          name: string
          email: string
          emailKey: string
          passwordHash: string
          owner: Owner
        }>,
      ) =>
        db
          .insertInto('user')
          .values({
            name: p.name,
            email: p.email,
            email_key: p.emailKey,
            password_hash: p.passwordHash,
            version: 1,
            owner: p.owner,
          })
          .onConflict((conflict) => conflict.column('email_key').doNothing())
          .returning('id'),
    ),
    /** Affects no row when the email is that of another user. */
    update: prepareQuery((p: Placeholders<UserUpdate>) =>
      db
        .updateTable('user')
        .set((row) => ({
          name: row.fn.coalesce(p.name, 'name'),
          email: row.fn.coalesce(p.email, 'email'),
          email_key: row.fn.coalesce(p.emailKey, 'email_key'),
          version: row('version', '+', 1),
        }))
        .where('id', '=', p.id)
        .where('deleted', '=', 0)
        .where((row) => row('version', '=', row.fn.coalesce(p.version, 'version')))
        .where(({ not, exists, selectFrom }) =>
          not(
            exists(
              selectFrom('user as other')
                .select('other.id')
                .where('other.email_key', '=', p.emailKey)
                .where('other.id', '<>', p.id),
            ),
          ),
        )
        .returning(['id', 'name', 'email', 'version', 'owner']),
    ),
    findHolder: prepareQuery((p: Placeholders<{ emailKey: string }>) =>
      db.selectFrom('user').select('id').where('email_key', '=', p.emailKey),
    ),
  }
}
