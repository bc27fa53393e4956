import type { History } from './parts.ts'
import type { Reader } from './reader.ts'
import { EventList } from './wire/index.ts'

const eventKinds = EventList.properties.data.items.properties.kind.enum

/** The events and actions that are kept in the file of telemetry, or in memory. */
export function createHistory(reader: Reader): History {
  return {
    addEvent: (event) => reader.call('addEvent', event),
    events: async (range) => {
      const events = await reader.call('events', range)
      return events.flatMap((event) => {
        const kind = eventKinds.find((known) => known === event.kind)
        return kind === undefined ? [] : [{ ...event, kind }]
      })
    },
    addAction: (action) => reader.call('addAction', action),
    actions: async (page) => reader.call('actions', page),
  }
}
