import type { History } from './parts.ts'

type Event = Parameters<History['addEvent']>[0]
type Action = Awaited<ReturnType<History['actions']>>[number]

const keptMax = 1_000

/** The newest events and actions, until the process ends: for a system that keeps no telemetry. */
export function createMemoryHistory(): History {
  const events: Event[] = []
  const actions: Action[] = []
  let lastId = 0

  return {
    async addEvent(event) {
      events.push(event)
      if (events.length > keptMax) events.shift()
    },
    events: async ({ from, to }) => events.filter(({ at }) => at >= from && at <= to),
    async addAction(action) {
      lastId += 1
      actions.unshift({ id: lastId, ...action })
      if (actions.length > keptMax) actions.pop()
    },
    actions: async ({ limit, before = Number.POSITIVE_INFINITY }) =>
      actions.filter(({ id }) => id < before).slice(0, limit),
  }
}
