import { leaseToleranceMs } from '@quintet/chassis/outbox'
import type { Outbox } from '@quintet/chassis/outbox'
import { relayId, waiting } from './documents.ts'
import type { MongoContext } from './documents.ts'
import { createCommandOutbox } from './outbox-commands.ts'
import { createEventOutbox, isEventRow } from './outbox-events.ts'

/** The events in the documents of GUIDs and the commands of operations, as one outbox. */
export function createMongoOutbox({
  connection,
  collections: { guids, operations, control },
}: Pick<MongoContext, 'connection' | 'collections'>): Outbox {
  const events = createEventOutbox(connection, guids)
  const commands = createCommandOutbox(connection, operations)

  return {
    async oldest(limit) {
      return (await Promise.all([events.oldest(limit), commands.oldest(limit)])).flat()
    },

    async takeLease({ holder, leaseMs, now: given }) {
      const now = given ?? (await connection.serverMs())
      const until = now + leaseMs
      const lease = await connection.write((options) =>
        control.findOneAndUpdate(
          {
            _id: relayId,
            $or: [
              { holder },
              { leaseUntil: { $lte: now } },
              { leaseUntil: { $gt: until + leaseToleranceMs } },
            ],
          },
          { $set: { holder, leaseUntil: until } },
          options,
        ),
      )
      return lease?.source
    },

    async remove(rows, holder) {
      const eventRows = rows.filter(isEventRow)
      const commandRows = rows.filter((row) => !isEventRow(row))
      if (eventRows.length > 0) await events.remove(eventRows)
      if (commandRows.length > 0) await commands.remove(commandRows)
      if (holder !== undefined)
        await connection.write((options) =>
          control.updateOne({ _id: relayId, holder }, { $set: { leaseUntil: 0 } }, options),
        )
    },

    async backlog() {
      const [eventCount, commandCount, [event], [command]] = await Promise.all([
        connection.read((options) => guids.countDocuments(waiting, options)),
        connection.read((options) => operations.countDocuments(waiting, options)),
        connection.read((options) => guids.find(waiting, options).sort({ due: 1 }).limit(1).toArray()),
        connection.read((options) => operations.find(waiting, options).sort({ due: 1 }).limit(1).toArray()),
      ])
      const oldestAt = Math.min(
        event?.due ?? Number.POSITIVE_INFINITY,
        command?.due ?? Number.POSITIVE_INFINITY,
      )
      return { rows: eventCount + commandCount, ...(Number.isFinite(oldestAt) && { oldestAt }) }
    },
  }
}
