import { mayRead } from '@quintet/chassis/guard'
import type { Owner, RowAccess } from '@quintet/chassis/guard'
import type { EventStream, StreamMessage } from '@quintet/chassis/queue'
import { guidEventsStream, publishedGuidEventOf } from '@quintet/contracts'
import type { PublishedGuidEvent } from '@quintet/contracts'

/** A page of events with their owners, oldest first. `last` is where the next page continues; undefined if there is nothing more yet. */
export type EventPage = {
  readonly events: readonly { readonly event: PublishedGuidEvent; readonly owner: Owner }[]
  readonly last: number | undefined
}

/** How many events a stream reads at once. */
const eventsPerRead = 100

/** The list of the events after a position that a client may read, in the order of their positions. */
export function eventList(
  queue: Pick<EventStream, 'readStream'>,
  { after: start, limit: pageLimit }: { after: number; limit: number },
  access: RowAccess,
) {
  return {
    limit: pageLimit,
    start,
    read: (after: number, { limit }: { limit: number }) =>
      queue.readStream(guidEventsStream, { after, limit }),
    textOf(message: StreamMessage): string | undefined {
      const found = publishedGuidEventOf(message)
      return found && mayRead(access, found.owner) ? JSON.stringify(found.event) : undefined
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
