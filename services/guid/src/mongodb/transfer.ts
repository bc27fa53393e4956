import type {
  CompletionEntry,
  DocumentReference,
  GuidDocument,
  MongoContext,
  RecordEntry,
} from './documents.ts'

/** Copies recorded responses from the document of their change to their bindings, then removes them from the document. */
export async function transferRecords(
  context: MongoContext,
  from: DocumentReference,
  entries: readonly RecordEntry[],
): Promise<void> {
  const { connection, collections } = context
  for (const { id, token, answer } of entries)
    if (answer !== undefined)
      await connection.write((options) =>
        collections.idempotency.updateOne(
          { _id: id, token, answer: { $exists: false } },
          { $set: { answer }, $unset: { at: '' } },
          options,
        ),
      )
  if (from.in === 'guids') return removeEntries(context, from.id, { kept: entries })
  await connection.write((options) =>
    collections.operations.updateOne(
      { _id: from.id },
      { $set: { kept: [] }, $unset: { settleAt: '' } },
      options,
    ),
  )
}

/** Copies the outcome of an operation from the document of the GUID to the operation, then removes it from the document. */
export async function transferCompletion(
  context: MongoContext,
  guid: string,
  entry: CompletionEntry,
): Promise<void> {
  const { connection, collections, clock } = context
  const { id, status, text } = entry
  const outcome = status === 'succeeded' ? { result: text } : { problem: text }
  await connection.write((options) =>
    collections.operations.updateOne(
      { _id: id, status: 'pending' },
      { $set: { status, ...outcome, changedAt: clock.now() } },
      options,
    ),
  )
  await removeEntries(context, guid, { ended: [entry] })
}

/** Removes entries from the document of a GUID, which needs no recovery once it has none. */
async function removeEntries(
  { connection, collections: { guids } }: MongoContext,
  guid: string,
  entries: Partial<Pick<GuidDocument, 'kept' | 'ended'>>,
): Promise<void> {
  await connection.write((options) => guids.updateOne({ _id: guid }, { $pullAll: entries }, options))
  const empty = { _id: guid, kept: { $size: 0 }, ended: { $size: 0 } }
  await connection.write((options) => guids.updateOne(empty, { $unset: { settleAt: '' } }, options))
}
