import type { EventStream } from '@quintet/chassis/queue'
import { guidEventsStream, publishedGuidEventOf } from '@quintet/contracts'
import type { PublishedGuidEvent } from '@quintet/contracts'

/** A page of events, oldest first. `last` is where the next page continues; undefined if there is nothing more yet. */
export type EventPage = { readonly events: readonly PublishedGuidEvent[]; readonly last: number | undefined }

/** Reads the events after a position. */
export async function readEvents(
  queue: Pick<EventStream, 'readStream'>,
  { after, limit = 100 }: { after: number; limit?: number },
): Promise<EventPage> {
  const messages = await queue.readStream(guidEventsStream, { after, limit })
  return {
    events: messages.map(publishedGuidEventOf).filter((event) => event !== undefined),
    last: messages.length < limit ? undefined : messages.at(-1)?.position,
  }
}
