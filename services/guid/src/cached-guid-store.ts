import type { Cache, Entry } from '@quintet/chassis/cache'
import type { Deadline } from '@quintet/chassis/clock'
import type { EngineClock } from '@quintet/chassis/database'
import { mayChange, mayRead, ownerToChange, unrestricted } from '@quintet/chassis/guard'
import type { Changes, Owner, RowAccess } from '@quintet/chassis/guard'
import { entryOf } from './guid.ts'
import type { Guid } from './guid.ts'
import type {
  CommitWith,
  CreateOptions,
  CreateOutcome,
  GuidChange,
  GuidPage,
  GuidStore,
  ListedGuid,
  Registration,
} from './port.ts'

/** How many GUIDs a step of a search looks at. */
const searchedMax = 100

export type CachedGuidStore = ReturnType<typeof createCachedGuidStore>

/**
 * A store behind the cache: follows the cache's protocol for every engine, and wakes the relay after each change. What has
 * expired by the time that the store responds counts as absent. Nothing is judged by the process's own clock, which may be wrong:
 * until that of the engine was read, whatever depends on it waits for that.
 */
export function createCachedGuidStore({
  store,
  cache,
  engineClock,
  wake,
}: {
  store: GuidStore
  cache: Cache
  /** That of the store; the cache must have the same. */
  engineClock: EngineClock
  /** Wakes the relay of the outbox. */
  wake: () => void
}) {
  const { idKind } = store
  const read = (guid: string) => cache.read(guid, () => store.find(guid))
  const isLive = ({ expire }: { expire: number }) => expire * 1000 > engineClock.now()

  return {
    /** What has expired since it was read must be left out, by `isLive`. */
    async list(page: Omit<GuidPage, 'owner'>, access: RowAccess): Promise<readonly ListedGuid[]> {
      await engineClock.whenRead?.()
      if (access.readsAll) return store.list(page)
      const owners: readonly Owner[] = access.owner === null ? [null] : [null, access.owner]
      const lists = await Promise.all(owners.map((owner) => store.list({ ...page, owner })))
      return lists.flat().sort(byExpiry).slice(0, page.limit)
    },

    /** Looks at the next GUIDs of a user, who may have many of other owners, and finds those that may be read. */
    async search(page: Omit<GuidPage, 'owner'>, access: RowAccess) {
      await engineClock.whenRead?.()
      const rows = await store.list({ ...page, limit: searchedMax })
      const found = rows.filter(({ owner }) => mayRead(access, owner)).slice(0, page.limit)
      const reached = found.length === page.limit ? found.at(-1) : rows[searchedMax - 1]
      return { rows: found, reached }
    },
    isLive,
    idKind,

    /** Returns without a promise where cache or store can. */
    find: (guid: string): Entry | undefined | Promise<Entry | undefined> =>
      engineClock.whenRead?.()?.then(() => read(guid)) ?? read(guid),

    /** The entry of a GUID that may be changed. */
    async findToChange(guid: string, access: Changes): Promise<Entry | undefined> {
      await engineClock.whenRead?.()
      const entry = await read(guid)
      return entry !== undefined && mayChange(access, entry.owner) ? entry : undefined
    },

    /** `expired` may also mean that it was stored and has expired since. */
    async create(registration: Registration, options: CreateOptions = {}): Promise<CreateOutcome> {
      await engineClock.whenRead?.()
      const insert = (deadline: Deadline) => store.create(registration, { ...options, deadline })
      // Few new GUIDs are read soon, and caching them all would evict the others; the first read fills the cache.
      const outcome = await (options.isNew === true
        ? insert({})
        : cache.write([registration.guid], insert, () => undefined))
      if (typeof outcome !== 'number') return outcome
      wake()
      return isLive(registration) ? outcome : 'expired'
    },

    async update(
      guid: string,
      change: GuidChange,
      version?: number,
      { access = unrestricted, ...options }: CommitWith & { access?: Changes } = {},
    ): Promise<Guid | undefined> {
      const owner = ownerToChange(access)
      if (owner === undefined) return undefined
      await engineClock.whenRead?.()
      const updated = await cache.write(
        [guid],
        (deadline) => store.update(guid, change, { version, owner }, { ...options, deadline }),
        (row) => row && entryOf(row),
      )
      if (updated === undefined) return undefined
      wake()
      return isLive(updated) ? updated : undefined
    },

    async delete(guid: string, version?: number, access: Changes = unrestricted): Promise<boolean> {
      const owner = ownerToChange(access)
      if (owner === undefined) return false
      const isDeleted = await cache.write(
        [guid],
        (deadline) => store.delete(guid, { version, owner }, deadline),
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

/** The order of lists; ids are of one kind. */
function byExpiry(one: ListedGuid, other: ListedGuid): number {
  if (one.expire !== other.expire) return one.expire - other.expire
  return one.id < other.id ? -1 : 1
}
