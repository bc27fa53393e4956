import { checkCache } from '@quintet/chassis/cache'
import type { Clock } from '@quintet/chassis/clock'
import { checkOutbox } from '@quintet/chassis/outbox'
import type { Outbox } from '@quintet/chassis/outbox'
import { checkVersions } from '@quintet/chassis/promises'
import type { CheckedPromise } from '@quintet/chassis/promises'
import type { CachedGuidStore } from './cached-guid-store.ts'
import { checkExpiry } from './expiry-check.ts'
import type { GuidStore } from './port.ts'

/** What is promised of GUIDs, as far as the running service can check it. */
export function guidPromises({
  guids,
  store,
  readEngineClock,
  ...publishing
}: {
  guids: CachedGuidStore
  store: GuidStore
  readEngineClock: () => Promise<number>
  outbox: Outbox
  queue: { ping(): Promise<void> }
  clock: Clock
}): readonly CheckedPromise[] {
  const sampled = { noun: 'GUID', pick: store.sample }
  return [
    {
      id: 'expiry',
      title: 'No GUID is shown at or after its second.',
      guarantee: 'expiry-is-exact',
      check: checkExpiry({ guids, store, readEngineClock }),
    },
    {
      id: 'cache',
      title: 'What is read through the cache is what the database has.',
      guarantee: 'no-stale-read',
      check: checkCache({ ...sampled, read: guids.find, load: store.find }),
    },
    {
      id: 'versions',
      title: 'The versions of a GUID only rise.',
      guarantee: 'versions-are-never-used-again',
      check: checkVersions({ ...sampled, versionOf: async (guid) => (await store.find(guid))?.version }),
    },
    {
      id: 'outbox',
      title: 'Each change is published within a minute, while the queue responds.',
      guarantee: 'changes-are-published',
      check: checkOutbox(publishing),
    },
  ]
}
