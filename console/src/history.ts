import type { Logger } from '@quintet/chassis/telemetry'
import type { History } from './parts.ts'
import type { Reader } from './reader.ts'
import { EventList } from './wire/index.ts'

const eventKinds = EventList.properties.data.items.properties.kind.enum

/** The events and actions that are kept in the file of telemetry, or in memory. */
export function createHistory(reader: Reader, logger: Pick<Logger, 'warn'>): History {
  // What has happened has happened, whether or not it can be kept.
  const warn = (what: string) => (err: unknown) => logger.warn({ err }, `${what} was not kept`)
  return {
    addEvent: (event) => reader.call('addEvent', event).catch(warn('an event')),
    events: async (range) => {
      const events = await reader.call('events', range)
      return events.flatMap((event) => {
        const kind = eventKinds.find((known) => known === event.kind)
        return kind === undefined ? [] : [{ ...event, kind }]
      })
    },
    addAction: (action) => reader.call('addAction', action).catch(warn('an action')),
    actions: async (page) => reader.call('actions', page),
  }
}
