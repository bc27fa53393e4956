import type { VNode } from 'preact'
import type { EventList } from '../../src/wire/index.ts'
import { a, classes, li, ol, span } from '../elements.ts'
import { addressOf } from '../router.ts'
import { moment } from './instant.ts'

type Event = EventList['data'][number]
const tones: Partial<Record<Event['kind'], 'bad' | 'warn'>> = {
  crash: 'bad',
  alert: 'bad',
  unreachable: 'bad',
  promise: 'bad',
  stop: 'warn',
}

/** What changed the system, newest first, each with the word for its kind. */
export function eventList(events: readonly Event[]): VNode {
  return ol(
    { class: 'events' },
    ...events.map((event) =>
      li(
        { key: `${event.at} ${event.kind} ${event.text}` },
        moment(event.at),
        span({ class: classes('event-kind', tones[event.kind]) }, event.kind),
        span(
          {},
          event.text,
          ' ',
          event.service !== '' &&
            a(
              { class: 'quiet', href: addressOf(`/services/${encodeURIComponent(event.service)}`) },
              event.service,
            ),
        ),
      ),
    ),
  )
}
