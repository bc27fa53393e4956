import type { Outbox, OutboxRow } from '@quintet/chassis/outbox'
import type { MongoConnection } from './connection.ts'
import { inChunks, relayId } from './documents.ts'
import type { Collections, OperationDocument, OutboxEvent } from './documents.ts'
import { commandsQueue, eventsStream } from '../port.ts'

/** Where a row stands: an event in the list of its GUID, or an operation as a whole. */
type MongoRow = OutboxRow & { readonly event?: OutboxEvent }

/** The events that stand in the documents of GUIDs, and the commands of operations, as one outbox. */
export function createMongoOutbox({
  link,
  collections: { guids, operations, control },
}: {
  link: MongoConnection
  collections: Collections
}): Outbox {
  /** A relay that died amid a removal leaves documents that seem to have something to tell, and have nothing. */
  async function oldestEvents(limit: number): Promise<MongoRow[]> {
    const documents = await link.read((limits) =>
      guids
        .find({ due: { $gt: 0 } }, { ...limits, projection: { outbox: 1 } })
        .sort({ due: 1 })
        .limit(limit)
        .toArray(),
    )
    const empty = documents.filter(({ outbox }) => outbox.length === 0).map(({ _id }) => _id)
    if (empty.length > 0) {
      await passOver(empty)
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

  /** Those of them that have nothing to tell any more are not to be looked at again. */
  async function passOver(ids: string[]): Promise<void> {
    const empty = { _id: { $in: ids }, outbox: { $size: 0 } }
    await link.write((limits) => guids.updateMany(empty, { $unset: { due: '' } }, limits))
  }

  function readCommands(limit: number): Promise<OperationDocument[]> {
    return link.read((limits) =>
      operations
        .find({ due: { $gt: 0 } }, limits)
        .sort({ due: 1, order: 1 })
        .limit(limit)
        .toArray(),
    )
  }

  /**
   * A reading takes its time, and may have passed the place of a command before it was put there and still meet a later
   * one of the same GUID. What came before one that was met is there for sure when all is read again.
   */
  async function oldestCommands(limit: number): Promise<OutboxRow[]> {
    const met = new Map((await readCommands(limit)).map((command) => [command.guid, command]))
    if (met.size === 0) return []
    const commands = await readCommands(limit)
    return commands
      .filter((command) => !isBehind(command, met.get(command.guid)))
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
      await link.write((limits) => guids.bulkWrite(chunk, { ...limits, ordered: false }))
    await passOver(rows.map(({ key }) => key))
  }

  return {
    async oldest(limit) {
      const [events, commands] = await Promise.all([oldestEvents(limit), oldestCommands(limit)])
      return [...events, ...commands]
    },

    async takeLease({ holder, now, until }) {
      const lease = await link.write((limits) =>
        control.findOneAndUpdate(
          { _id: relayId, $or: [{ holder }, { leaseUntil: { $lte: now } }] },
          { $set: { holder, leaseUntil: until } },
          limits,
        ),
      )
      return lease?.source
    },

    async remove(rows: readonly MongoRow[], holder) {
      const events = rows.filter(({ event }) => event !== undefined)
      const ids = rows.filter(({ event }) => event === undefined).map(({ id }) => String(id))
      if (events.length > 0) await removeEvents(events)
      if (ids.length > 0)
        await link.write((limits) =>
          operations.updateMany({ _id: { $in: ids } }, { $unset: { due: '', order: '' } }, limits),
        )
      if (holder !== undefined)
        await link.write((limits) =>
          control.updateOne({ _id: relayId, holder }, { $set: { leaseUntil: 0 } }, limits),
        )
    },

    async backlog() {
      const waiting = { due: { $gt: 0 } }
      const [events, commands, [oldestEvent], [oldestCommand]] = await Promise.all([
        link.read((limits) => guids.countDocuments(waiting, limits)),
        link.read((limits) => operations.countDocuments(waiting, limits)),
        link.read((limits) => guids.find(waiting, limits).sort({ due: 1 }).limit(1).toArray()),
        link.read((limits) => operations.find(waiting, limits).sort({ due: 1 }).limit(1).toArray()),
      ])
      const oldestAt = Math.min(
        oldestEvent?.due ?? Number.POSITIVE_INFINITY,
        oldestCommand?.due ?? Number.POSITIVE_INFINITY,
      )
      return { rows: events + commands, ...(Number.isFinite(oldestAt) && { oldestAt }) }
    },
  }
}

function isBehind(command: OperationDocument, last: OperationDocument | undefined): boolean {
  if (last === undefined) return true
  const [due, order] = [command.due ?? 0, command.order ?? 0]
  const [lastDue, lastOrder] = [last.due ?? 0, last.order ?? 0]
  return due === lastDue ? order > lastOrder : due > lastDue
}
