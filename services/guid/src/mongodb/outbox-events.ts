import type { OutboxRow } from '@quintet/chassis/outbox'
import { eventsStream } from '../port.ts'
import type { Collection, MongoConnection } from './connection.ts'
import { inChunks, waiting } from './documents.ts'
import type { GuidDocument, OutboxEvent } from './documents.ts'

type EventRow = OutboxRow & { readonly event: OutboxEvent }

/** The events that are in the documents of their GUIDs until they are published. */
export function createEventOutbox(connection: MongoConnection, guids: Collection<GuidDocument>) {
  async function oldest(limit: number): Promise<EventRow[]> {
    const documents = await connection.read((options) =>
      guids
        .find(waiting, { ...options, projection: { outbox: 1 } })
        .sort({ due: 1 })
        .limit(limit)
        .toArray(),
    )
    const empty = documents.filter(({ outbox }) => outbox.length === 0).map(({ _id }) => _id)
    // Left by a relay that died between the two steps of a removal.
    if (empty.length > 0) {
      await clearDue(empty)
      return oldest(limit)
    }
    return documents.flatMap(({ _id, outbox }) => outbox.map((event) => rowOf(_id, event))).slice(0, limit)
  }

  /** Takes documents without events out of the index by which they are found. */
  async function clearDue(ids: string[]): Promise<void> {
    const empty = { _id: { $in: ids }, outbox: { $size: 0 } }
    await connection.write((options) => guids.updateMany(empty, { $unset: { due: '' } }, options))
  }

  return {
    oldest,

    async remove(rows: readonly EventRow[]): Promise<void> {
      const removals = [...Map.groupBy(rows, ({ key }) => key)].map(([guid, group]) => ({
        updateOne: {
          filter: { _id: guid },
          update: { $pullAll: { outbox: group.map(({ event }) => event) } },
        },
      }))
      for (const chunk of inChunks(removals))
        await connection.write((options) => guids.bulkWrite(chunk, { ...options, ordered: false }))
      await clearDue(rows.map(({ key }) => key))
    },
  }
}

export function isEventRow(row: OutboxRow): row is EventRow {
  return 'event' in row
}

function rowOf(guid: string, event: OutboxEvent): EventRow {
  const { id, body } = event
  return { id, queue: eventsStream, message_id: null, key: guid, body, event }
}
