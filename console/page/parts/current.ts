import { useEffect, useState } from 'preact/hooks'
import type { QueueList, SystemMap } from '../../src/wire/index.ts'
import { useGet } from '../api.ts'
import type { Loaded } from '../api.ts'
import { liveState, useLive } from '../live.ts'
import { useStore } from '../store.ts'
import { useTimeSpan } from '../time-span.ts'

/** How often it is read while the stream of events does not bring it. */
const everyMs = 5_000

export const useCurrentMap = (): Loaded<SystemMap> => useNewest('map', useGet('/api/map', useReading()))
export const useCurrentQueues = (): Loaded<QueueList> =>
  useNewest('queues', useGet('/api/queues', useReading()))

function useReading(): { readonly everyMs?: number } {
  const { isLive } = useTimeSpan()
  const hasStream = useStore(liveState) === 'live'
  return isLive && !hasStream ? { everyMs } : {}
}

type Current = { map: SystemMap; queues: QueueList }

/** What the stream of events brings, or what was read, whichever is newer. It stands still while paused. */
function useNewest<Topic extends keyof Current>(
  topic: Topic,
  read: Loaded<Current[Topic]>,
): Loaded<Current[Topic]> {
  const { isLive } = useTimeSpan()
  const [newest, setNewest] = useState<Current[Topic] | undefined>(undefined)
  useLive<Topic>(topic, (data) => setNewest(() => data), isLive)
  useEffect(() => setNewest(() => read.data), [read.data])
  return { ...read, data: newest ?? read.data }
}
