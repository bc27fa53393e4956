import type { VNode } from 'preact'
import type { QueueSummary } from '../../src/wire/index.ts'
import { a, div, nav, p, section, span, pageHead } from '../elements.ts'
import type { PageProps } from '../pages.ts'
import { useCurrentQueues } from '../parts/current.ts'
import { deadLetters } from '../parts/dead-letters.ts'
import { factList } from '../parts/fact-list.ts'
import { absent, count, duration, perSecond } from '../parts/quantity.ts'
import { queueMessages } from '../parts/queue-messages.ts'
import { addressOfQueue, deadLettersOf, isOfDeadLetters, liveQueueOf } from '../parts/queue-names.ts'
import { namedChart } from '../parts/series-chart.ts'
import { empty, failure, loading, staleNotice } from '../parts/states.ts'
import { addressOf } from '../router.ts'
import { useTimeSpan } from '../time-span.ts'

export function Page({ params }: PageProps) {
  const name = params.name ?? ''
  const base = liveQueueOf(name)
  const { data: queues, error, reload } = useCurrentQueues()
  const timeSpan = useTimeSpan()
  const queue = queues?.data.find((other) => other.name === base)
  return div(
    { class: 'page' },
    pageHead(name, a({ href: addressOf('/queues') }, 'All queues')),
    queue !== undefined
      ? [
          error !== undefined && staleNotice(error, reload),
          tabs(base, name),
          facts(queue),
          isOfDeadLetters(name)
            ? deadLetters({ key: name, queue, reloadQueues: reload })
            : [
                namedChart({ name: 'queue-live', timeSpan, only: base }),
                section({ 'aria-label': 'Messages' }, queueMessages({ key: name, name, queue })),
              ],
        ]
      : queues !== undefined
        ? empty('No such queue', p({}, `No service of this system has a queue with the name ${base}.`))
        : error === undefined
          ? loading('the queue')
          : failure(error, reload),
  )
}

function tabs(base: string, name: string): VNode {
  const link = (title: string, to: string) =>
    a({ href: addressOfQueue(to), 'aria-current': to === name ? 'page' : undefined }, title)
  return nav(
    { class: 'page-tabs', 'aria-label': 'Parts of the queue' },
    link('Messages', base),
    link('Dead letters', deadLettersOf(base)),
  )
}

function facts(queue: QueueSummary): VNode {
  const { fault, live, dead, oldestAgeMs, published, done, failed, service, broker, url } = queue
  const note = (value: number | null) =>
    value === null ? (fault ?? 'The broker does not report it.') : undefined
  return div(
    {},
    fault !== null && p({ class: 'notice bad', role: 'status' }, fault),
    factList([
      { name: 'Live', value: count(live), note: note(live) },
      { name: 'Dead', value: count(dead), note: note(dead), tone: (dead ?? 0) > 0 ? 'bad' : undefined },
      { name: 'Oldest', value: live === 0 ? absent : duration(oldestAgeMs), note: note(oldestAgeMs) },
      { name: 'In', value: perSecond(published), note: note(published) },
      { name: 'Done', value: perSecond(done), note: note(done) },
      {
        name: 'Failed',
        value: perSecond(failed),
        note: note(failed),
        tone: (failed ?? 0) > 0 ? 'bad' : undefined,
      },
      {
        name: 'Consumer',
        value: a({ href: addressOf(`/services/${encodeURIComponent(service)}`) }, service),
      },
      { name: 'Broker', value: span({ title: url }, broker) },
    ]),
  )
}
