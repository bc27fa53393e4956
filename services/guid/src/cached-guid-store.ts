import type { Cache, Entry } from '@quintet/chassis/cache'
import type { Deadline } from '@quintet/chassis/clock'
import { entryOf } from './guid.ts'
import type { Guid } from './guid.ts'
import type { CommitWith, GuidChange, GuidStore } from './port.ts'

export type CachedGuidStore = ReturnType<typeof createCachedGuidStore>

/** A store behind the cache: follows the cache's protocol for every engine, and wakes the relay after each change. */
export function createCachedGuidStore({
  store,
  cache,
  wake,
}: {
  store: GuidStore
  cache: Cache
  /** Wakes the relay of the outbox. */
  wake: () => void
}) {
  const { nextVersion, list, idKind } = store
  return {
    nextVersion,
    list,
    idKind,

    /** Returns without a promise where cache or store can. */
    find: (guid: string): Entry | undefined | Promise<Entry | undefined> =>
      cache.read(guid, () => store.find(guid)),

    async create(row: Guid, options: CommitWith & IsNew = {}): Promise<'created' | 'exists'> {
      const insert = (deadline: Deadline) => store.create(row, { ...options, deadline })
      // Few new GUIDs are read soon, and caching them all would evict the others; the first read fills the cache.
      const outcome = await (options.isNew === true
        ? insert({})
        : cache.write([row.guid], insert, () => undefined))
      if (outcome === 'created') wake()
      return outcome
    },

    async update(
      guid: string,
      change: GuidChange,
      version?: number,
      options: CommitWith = {},
    ): Promise<Guid | undefined> {
      const updated = await cache.write(
        [guid],
        (deadline) => store.update(guid, change, version, { ...options, deadline }),
        (row) => row && entryOf(row),
      )
      if (updated !== undefined) wake()
      return updated
    },

    async delete(guid: string, version?: number): Promise<boolean> {
      const isDeleted = await cache.write(
        [guid],
        (deadline) => store.delete(guid, version, deadline),
        (done) => (done ? null : undefined),
      )
      if (isDeleted) wake()
      return isDeleted
    },

    async sweep(limit: number): Promise<number> {
      const swept = await store.sweep(limit)
      if (swept > 0) wake()
      return swept
    },
  }
}

/** A GUID that `isNew` was generated for this very call, so no cache can have an entry of it. */
type IsNew = { readonly isNew?: boolean }
