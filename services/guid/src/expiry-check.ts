import { unrestricted } from '@quintet/chassis/guard'
import { checkEach } from '@quintet/chassis/promises'
import type { Check } from '@quintet/chassis/promises'
import type { CachedGuidStore } from './cached-guid-store.ts'
import type { GuidStore } from './port.ts'

/**
 * A check that no GUID is shown at or after its second by the clock of the database, alone or in the list. It reads the GUIDs that expire
 * next, and those that an earlier check has found among them and whose second has passed since.
 */
export function checkExpiry({
  guids,
  store,
  readEngineClock,
}: {
  /** As clients read them. */
  guids: Pick<CachedGuidStore, 'find' | 'list' | 'isLive'>
  /** The database, without the cache. */
  store: Pick<GuidStore, 'find'>
  readEngineClock: () => Promise<number>
}): Check {
  /** The seconds of those that are to expire next. */
  let next = new Map<string, number>()
  let isListed = new Set<string>()

  const list = async (limit: number) => (await guids.list({ limit }, unrestricted)).filter(guids.isLive)

  return checkEach({
    noun: 'GUID',
    chosen: 'that expire next or have just expired',
    kept: 'none is shown after its second',
    async pick(max) {
      const now = await readEngineClock()
      const passed = [...next].filter(([, expire]) => expire * 1_000 <= now)
      const listed = await list(max)
      isListed = new Set(listed.map(({ guid }) => guid))
      next = new Map(listed.map(({ guid, expire }) => [guid, expire]))
      return [...passed.map(([guid]) => guid), ...isListed]
    },
    async faultOf(guid) {
      const now = await readEngineClock()
      const before = await store.find(guid)
      const shown = await guids.find(guid)
      const after = await store.find(guid)
      if (shown !== undefined && shown.expiresAtMs <= now) return 'it is shown after its second'
      if (shown !== undefined && before === undefined && after === undefined)
        return 'it is shown, although it has expired or was deleted'
      if (!isListed.has(guid)) return undefined
      const late = (await list(isListed.size)).find((one) => one.guid === guid)
      return late !== undefined && late.expire * 1_000 <= now ? 'it is listed after its second' : undefined
    },
  })
}
