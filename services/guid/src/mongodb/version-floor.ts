import type { MongoContext } from './documents.ts'

const floorId = 'versions'

/** The largest version of the documents that were removed, in a document of its own (docs/decisions/0022). */
export function createVersionFloor({
  connection,
  collections: { control },
}: Pick<MongoContext, 'connection' | 'collections'>) {
  async function raise(version: number): Promise<void> {
    const { matchedCount } = await connection.write((options) =>
      control.updateOne({ _id: floorId }, { $max: { version } }, options),
    )
    if (matchedCount > 0) return
    // Another process may have inserted it meanwhile.
    if (!(await connection.insert((options) => control.insertOne({ _id: floorId, version }, options))))
      await raise(version)
  }

  return {
    async read(): Promise<number> {
      const floor = await connection.readLinearizable((options) => control.findOne({ _id: floorId }, options))
      return floor?.version ?? 0
    },
    /** Must resolve before the documents are removed. */
    raise,
  }
}
