import type { Kysely } from 'kysely'
import type { Clock } from '../../clock/index.ts'
import { prepareQuery } from '../../database/index.ts'
import type { Database, Placeholders, Statement } from '../../database/index.ts'
import { AppError } from '../../errors/index.ts'
import type { PublishOnce } from '../port.ts'

/** Which message each key stands for, until when. */
export type PublicationTables = {
  publication: { id?: number; queue: string; key: string; message_id: string; until: number }
}

/** More than one is remembered with each publication, so that what has lapsed cannot pile up. */
const forgottenPerPublication = 2

/** Remembers, in the unit that publishes a message, the key that it was published under. */
export function createPublications(database: Database<PublicationTables>, clock: Clock) {
  const statements = prepareStatements(database.query)
  return {
    /** To be first in the unit, which is refused by it while the key stands for a message. */
    remember(queue: string, messageId: string, { key, forMs }: PublishOnce): Statement {
      const now = clock.now()
      const publication = { queue, key, message_id: messageId, until: now + forMs }
      return { ...statements.remember({ ...publication, now }), mustAffectRows: true }
    },

    /** To be in the same unit: lets some of what has lapsed go. */
    forget: (): Statement => statements.forget({ now: clock.now(), limit: forgottenPerPublication }),

    /** After a refusal: whether the key stands for this very message; false when it stands for nothing any more. */
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
    remember: prepareQuery((p: Placeholders<Publication & { now: number }>) =>
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
    forget: prepareQuery((p: Placeholders<{ now: number; limit: number }>) =>
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
      db.selectFrom('publication').select('message_id').where('queue', '=', p.queue).where('key', '=', p.key),
    ),
  }
}
