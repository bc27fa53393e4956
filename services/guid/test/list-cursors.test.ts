import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openCache } from '@quintet/chassis/cache'
import { decodeCursor } from '@quintet/chassis/http'
import { pageText, sharedTurns } from '@quintet/chassis/resource'
import { freshDatabase } from '@quintet/chassis/testing'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { createCachedGuidStore } from '../src/cached-guid-store.ts'
import { guidList } from '../src/guid-list-routes.ts'
import { newGuid } from '../src/guid.ts'
import { migrateStorage, openStorage } from '../src/storage.ts'
import { startMs, startSeconds } from './world.ts'

/** GUIDs of one user, of two owners, and the pages of a client whose searches take too long from their first step on. */
async function createLists(t: TestContext) {
  const clock = createManualClock(startMs)
  const storage = await openStorage(await freshDatabase((url) => migrateStorage(url, 'up')))
  t.after(storage.close)
  const { engineClock, guids: store } = storage.createStores(clock)
  const cache = await openCache('none:', {
    ...{ clock: engineClock, durations: clock, namespace: 'guid' },
    ...{ arbiter: storage.arbiter, singleProcess: storage.isSingleProcess },
  })
  t.after(cache.close)
  const guids = createCachedGuidStore({ store, cache, engineClock, wake() {} })
  const access = { owner: 'key:ada', readsAll: false, changesAll: false }

  return {
    idKind: store.idKind,
    /** Registers GUIDs, and gives the seconds at which they expire. */
    async register(owner: string, expiries: readonly number[]) {
      const made = expiries.map((expire) => ({ guid: newGuid('4'), user: 'u', expire, owner }))
      await Promise.all(made.map((one) => guids.create(one, { isNew: true })))
      return made
    },
    /** All pages, each with its GUIDs and the position in its cursor. */
    async pages() {
      const found: { guids: string[]; position: (string | number)[] }[] = []
      let after: { expire: number; id: string | number } | undefined
      for (;;) {
        const page = { limit: 100, user: 'u', ...(after && { after }) }
        const text = await pageText(guidList(guids, page, access), { ...sharedTurns, isLate: () => true })
        const [cursor = '', body = ''] = text.split('\n')
        const position = cursor === '' ? [] : decodeCursor(cursor, ['time', store.idKind])
        found.push({ guids: JSON.parse(body).map(({ guid }: { guid: string }) => guid), position })
        const [expire, id] = position
        if (expire === undefined || id === undefined) return found
        after = { expire: Number(expire), id }
        assert.ok(found.length < 100, 'The pages have no end.')
      }
    },
  }
}

for (const [what, expiryOf] of [
  ['at times of their own', (i: number) => startSeconds + 1_000 + 97 * i],
  ['within a minute', (i: number) => startSeconds + 1_000 + (i % 50)],
  ['in one second', () => startSeconds + 1_000],
] as const)
  test(`The cursor of a search shows nothing of the GUIDs of others, and its pages have every GUID once (expiring ${what})`, async (t) => {
    const { register, pages } = await createLists(t)
    const ofOthers = await register(
      'key:bob',
      Array.from({ length: 450 }, (_, i) => expiryOf(i)),
    )
    const own = await register(
      'key:ada',
      [0, 60, 449].flatMap((i) => [expiryOf(i) - 1, expiryOf(i) + 1]),
    )
    const found = await pages()
    assert.deepEqual(found.flatMap(({ guids }) => guids).toSorted(), own.map(({ guid }) => guid).toSorted())
    const expiriesOfOthers = new Set(ofOthers.map(({ expire }) => expire))
    const ownExpiries = new Set(own.map(({ expire }) => expire))
    const positions = found.map(({ position }) => position).filter(({ length }) => length > 0)
    assert.ok(what === 'in one second' || positions.length > 1)
    for (const [expire = 0, id] of positions) {
      const isOfOwn = ownExpiries.has(Number(expire))
      const isRounded = id === Number.MAX_SAFE_INTEGER || id === 'F'.repeat(32)
      assert.ok(isRounded || (isOfOwn && !expiriesOfOthers.has(Number(expire))), `${expire} ${id}`)
    }
  })
