import type { Kysely } from 'kysely'
import type { Clock } from '../../clock/index.ts'
import { prepareQuery } from '../../database/index.ts'
import type { Database, Placeholders, Statement } from '../../database/index.ts'
import { AppError } from '../../errors/index.ts'
import type { PublishOnce } from '../port.ts'

/** Which message a key stands for, and until when. */
export type PublicationTables = {
  publication: { id?: number; queue: string; key: string; message_id: string; until: number }
}

/** More than the one that each publication adds, so that expired keys cannot accumulate. */
const deletedPerPublication = 2

/** Stores the key of a message in the unit that publishes it. */
export function createPublications(database: Database<PublicationTables>, clock: Clock) {
  const statements = prepareStatements(database.query)
  return {
    /** The first statement of the unit; fails it while the key stands for a message. */
    insert(queue: string, messageId: string, { key, forMs }: PublishOnce): Statement {
      const now = clock.now()
      const publication = { queue, key, message_id: messageId, until: now + forMs }
      return { ...statements.insert({ ...publication, now }), mustAffectRows: true }
    },

    /** The id of the message that a key stands for. */
    async messageUnder(queue: string, key: string): Promise<string | undefined> {
      const [publication] = await database.read(statements.find({ queue, key }))
      return publication !== undefined && publication.until > clock.now() ? publication.message_id : undefined
    },

    /** For the same unit. */
    deleteExpired: (): Statement =>
      statements.deleteExpired({ now: clock.now(), limit: deletedPerPublication }),

    /** After a failure: whether the key stands for this message; false if it has expired meanwhile. */
    async isRepeated(queue: string, messageId: string, { key }: PublishOnce): Promise<boolean> {
      const [publication] = await database.read(statements.find({ queue, key }))
      if (publication === undefined) return false
      if (publication.message_id === messageId) return true
      throw new AppError('conflict', 'Another message was published under this key.')
    },
  }
}

type Publication = { queue: string; key: string; message_id: string; until: number }

function prepareStatements(db: Kysely<PublicationTables>) {
  return {
    insert: prepareQuery((p: Placeholders<Publication & { now: number }>) =>
      db
        .insertInto('publication')
        .values({ queue: p.queue, key: p.key, message_id: p.message_id, until: p.until })
        .onConflict((conflict) =>
          conflict
            .columns(['queue', 'key'])
            .doUpdateSet((row) => ({
              message_id: row.ref('excluded.message_id'),
              until: row.ref('excluded.until'),
            }))
            .where('publication.until', '<=', p.now),
        ),
    ),
    deleteExpired: prepareQuery((p: Placeholders<{ now: number; limit: number }>) =>
      db
        .deleteFrom('publication')
        .where(
          'id',
          'in',
          db
            .selectFrom('publication')
            .select('id')
            .where('until', '<=', p.now)
            .orderBy('until')
            .limit(p.limit),
        ),
    ),
    find: prepareQuery((p: Placeholders<{ queue: string; key: string }>) =>
      db
        .selectFrom('publication')
        .select(['message_id', 'until'])
        .where('queue', '=', p.queue)
        .where('key', '=', p.key),
    ),
  }
}
