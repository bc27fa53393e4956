import type { OutboxRow } from '@quintet/chassis/outbox'
import { commandsQueue } from '../port.ts'
import type { Collection, MongoConnection } from './connection.ts'
import { waiting } from './documents.ts'
import type { OperationDocument } from './documents.ts'

/** The commands of operations that are to be published. */
export function createCommandOutbox(connection: MongoConnection, operations: Collection<OperationDocument>) {
  function read(limit: number): Promise<OperationDocument[]> {
    return connection.read((options) =>
      operations.find(waiting, options).sort({ due: 1, order: 1 }).limit(limit).toArray(),
    )
  }

  return {
    /**
     * A scan is no snapshot: it may pass the position of a command before that is inserted, and still find a later command of
     * the same GUID. So only commands up to the last one that a first scan found are taken, from a second scan, which
     * finds all before them.
     */
    async oldest(limit: number): Promise<OutboxRow[]> {
      const last = new Map((await read(limit)).map((command) => [command.guid, command]))
      if (last.size === 0) return []
      const commands = await read(limit)
      return commands.filter((command) => !isAfter(command, last.get(command.guid))).map(rowOf)
    },

    async remove(rows: readonly OutboxRow[]): Promise<void> {
      const commands = { _id: { $in: rows.map(({ id }) => String(id)) } }
      await connection.write((options) =>
        operations.updateMany(commands, { $unset: { due: '', order: '' } }, options),
      )
    },
  }
}

function rowOf({ _id: id, guid: key, command: body }: OperationDocument): OutboxRow {
  return { id, queue: commandsQueue, message_id: id, key, body }
}

function isAfter(command: OperationDocument, last: OperationDocument | undefined): boolean {
  if (last === undefined) return true
  const [due, order] = [command.due ?? 0, command.order ?? 0]
  const [lastDue, lastOrder] = [last.due ?? 0, last.order ?? 0]
  return due === lastDue ? order > lastOrder : due > lastDue
}
