import type { Outbox, OutboxRow } from '@quintet/chassis/outbox'
import { commandsQueue, eventsStream } from '../port.ts'
import { inChunks, relayId } from './documents.ts'
import type { MongoContext, OperationDocument, OutboxEvent } from './documents.ts'

/** An event in the document of its GUID, or without `event` the command of an operation. */
type MongoRow = OutboxRow & { readonly event?: OutboxEvent }

/** The events in the documents of GUIDs and the commands of operations, as one outbox. */
export function createMongoOutbox({
  connection,
  collections: { guids, operations, control },
}: Omit<MongoContext, 'clock'>): Outbox {
  async function oldestEvents(limit: number): Promise<MongoRow[]> {
    const documents = await connection.read((options) =>
      guids
        .find({ due: { $gt: 0 } }, { ...options, projection: { outbox: 1 } })
        .sort({ due: 1 })
        .limit(limit)
        .toArray(),
    )
    const empty = documents.filter(({ outbox }) => outbox.length === 0).map(({ _id }) => _id)
    // Left by a relay that died between the two steps of a removal.
    if (empty.length > 0) {
      await clearDue(empty)
      return oldestEvents(limit)
    }
    return documents
      .flatMap(({ _id: key, outbox }) =>
        outbox.map((event) => ({
          id: event.id,
          queue: eventsStream,
          message_id: null,
          key,
          body: event.body,
          event,
        })),
      )
      .slice(0, limit)
  }

  /** Takes documents without events out of the index by which they are found. */
  async function clearDue(ids: string[]): Promise<void> {
    const empty = { _id: { $in: ids }, outbox: { $size: 0 } }
    await connection.write((options) => guids.updateMany(empty, { $unset: { due: '' } }, options))
  }

  function readCommands(limit: number): Promise<OperationDocument[]> {
    return connection.read((options) =>
      operations
        .find({ due: { $gt: 0 } }, options)
        .sort({ due: 1, order: 1 })
        .limit(limit)
        .toArray(),
    )
  }

  /**
   * A scan is no snapshot: it may pass the position of a command before that is inserted, and still find a later command of
   * the same GUID. So only commands up to the last one that a first scan found are taken, from a second scan, which
   * finds all before them.
   */
  async function oldestCommands(limit: number): Promise<OutboxRow[]> {
    const last = new Map((await readCommands(limit)).map((command) => [command.guid, command]))
    if (last.size === 0) return []
    const commands = await readCommands(limit)
    return commands
      .filter((command) => !isAfter(command, last.get(command.guid)))
      .map(({ _id: id, guid: key, command: body }) => ({
        id,
        queue: commandsQueue,
        message_id: id,
        key,
        body,
      }))
  }

  async function removeEvents(rows: readonly MongoRow[]): Promise<void> {
    const removals = [...Map.groupBy(rows, ({ key }) => key)].map(([guid, group]) => ({
      updateOne: {
        filter: { _id: guid },
        update: { $pullAll: { outbox: group.flatMap(({ event }) => event ?? []) } },
      },
    }))
    for (const chunk of inChunks(removals))
      await connection.write((options) => guids.bulkWrite(chunk, { ...options, ordered: false }))
    await clearDue(rows.map(({ key }) => key))
  }

  return {
    async oldest(limit) {
      const [events, commands] = await Promise.all([oldestEvents(limit), oldestCommands(limit)])
      return [...events, ...commands]
    },

    async takeLease({ holder, now, until }) {
      const lease = await connection.write((options) =>
        control.findOneAndUpdate(
          { _id: relayId, $or: [{ holder }, { leaseUntil: { $lte: now } }] },
          { $set: { holder, leaseUntil: until } },
          options,
        ),
      )
      return lease?.source
    },

    async remove(rows: readonly MongoRow[], holder) {
      const events = rows.filter(({ event }) => event !== undefined)
      const ids = rows.filter(({ event }) => event === undefined).map(({ id }) => String(id))
      if (events.length > 0) await removeEvents(events)
      if (ids.length > 0)
        await connection.write((options) =>
          operations.updateMany({ _id: { $in: ids } }, { $unset: { due: '', order: '' } }, options),
        )
      if (holder !== undefined)
        await connection.write((options) =>
          control.updateOne({ _id: relayId, holder }, { $set: { leaseUntil: 0 } }, options),
        )
    },

    async backlog() {
      const waiting = { due: { $gt: 0 } }
      const [events, commands, [oldestEvent], [oldestCommand]] = await Promise.all([
        connection.read((options) => guids.countDocuments(waiting, options)),
        connection.read((options) => operations.countDocuments(waiting, options)),
        connection.read((options) => guids.find(waiting, options).sort({ due: 1 }).limit(1).toArray()),
        connection.read((options) => operations.find(waiting, options).sort({ due: 1 }).limit(1).toArray()),
      ])
      const oldestAt = Math.min(
        oldestEvent?.due ?? Number.POSITIVE_INFINITY,
        oldestCommand?.due ?? Number.POSITIVE_INFINITY,
      )
      return { rows: events + commands, ...(Number.isFinite(oldestAt) && { oldestAt }) }
    },
  }
}

function isAfter(command: OperationDocument, last: OperationDocument | undefined): boolean {
  if (last === undefined) return true
  const [due, order] = [command.due ?? 0, command.order ?? 0]
  const [lastDue, lastOrder] = [last.due ?? 0, last.order ?? 0]
  return due === lastDue ? order > lastOrder : due > lastDue
}
