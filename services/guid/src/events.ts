import type { EventStream, StreamMessage } from '@quintet/chassis/queue'
import { guidEventsStream, publishedGuidEventOf } from '@quintet/contracts'
import type { PublishedGuidEvent } from '@quintet/contracts'

/** A page of events, oldest first. `last` is where the next page continues; undefined if there is nothing more yet. */
export type EventPage = { readonly events: readonly PublishedGuidEvent[]; readonly last: number | undefined }

/** How many events a stream reads at once. */
const eventsPerRead = 100

/** The list of the events after a position, in the order of their positions. */
export function eventList(
  queue: Pick<EventStream, 'readStream'>,
  { after: start, limit: pageLimit }: { after: number; limit: number },
) {
  return {
    limit: pageLimit,
    start,
    read: (after: number, { limit }: { limit: number }) =>
      queue.readStream(guidEventsStream, { after, limit }),
    textOf(message: StreamMessage): string | undefined {
      const event = publishedGuidEventOf(message)
      return event && JSON.stringify(event)
    },
    positionOf: ({ position }: StreamMessage) => position,
    cursorOf: String,
  }
}

/** Reads the events after a position. */
export async function readEvents(queue: Pick<EventStream, 'readStream'>, after: number): Promise<EventPage> {
  const messages = await queue.readStream(guidEventsStream, { after, limit: eventsPerRead })
  return {
    events: messages.map(publishedGuidEventOf).filter((event) => event !== undefined),
    last: messages.length < eventsPerRead ? undefined : messages.at(-1)?.position,
  }
}
