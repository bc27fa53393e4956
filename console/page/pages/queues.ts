import type { VNode } from 'preact'
import type { QueueSummary } from '../../src/wire/index.ts'
import {
  a,
  classes,
  component,
  div,
  p,
  span,
  table,
  tbody,
  td,
  th,
  thead,
  tr,
  pageHead,
} from '../elements.ts'
import { useCurrentQueues } from '../parts/current.ts'
import { absent, count, duration, perSecond } from '../parts/quantity.ts'
import { addressOfQueue, deadLettersOf } from '../parts/queue-names.ts'
import { empty, failure, loading, staleNotice } from '../parts/states.ts'
import { addressOf } from '../router.ts'

/** A live message that is older waits for a consumer that does not come. */
const oldMs = 60_000

export function Page() {
  return div({ class: 'page' }, pageHead('Queues'), list({}))
}

const list = component(function List() {
  const { data: queues, error, reload } = useCurrentQueues()
  if (queues === undefined) return error === undefined ? loading('the queues') : failure(error, reload)
  if (queues.data.length === 0) {
    return empty('No queues', p({}, 'None of the services of this system has a queue.'))
  }
  return div(
    {},
    error !== undefined && staleNotice(error, reload),
    div(
      { class: 'scroll-x', tabIndex: 0, role: 'region', 'aria-label': 'Queues' },
      table(
        { class: 'list' },
        thead(
          {},
          tr(
            {},
            th({ scope: 'col' }, 'Queue'),
            ...['Live', 'Dead', 'Oldest', 'In', 'Done', 'Failed'].map((title) =>
              th({ scope: 'col', class: 'figure' }, title),
            ),
            th({ scope: 'col' }, 'Consumer'),
            th({ scope: 'col' }, 'Broker'),
          ),
        ),
        tbody({}, ...queues.data.map(row)),
      ),
    ),
    p(
      { class: 'quiet' },
      'Rates are those of the last minute. A dash stands for what the broker does not report.',
    ),
  )
})

function row(queue: QueueSummary): VNode {
  const { name, fault, live, dead, oldestAgeMs, service } = queue
  const why = fault ?? 'The broker does not report it.'
  const figure = (
    value: number | null,
    text: (value: number | null) => string,
    tone?: 'bad' | 'warn' | false,
  ) => td({ class: classes('figure', tone), title: value === null ? why : undefined }, text(value))
  return tr(
    { key: name },
    th(
      { scope: 'row' },
      a({ href: addressOfQueue(name) }, name),
      fault !== null && span({ class: 'fault' }, fault),
    ),
    figure(live, count),
    dead !== null && dead > 0
      ? td({ class: 'figure bad' }, a({ href: addressOfQueue(deadLettersOf(name)) }, count(dead)))
      : figure(dead, count),
    live === 0
      ? td({ class: 'figure' }, absent)
      : figure(oldestAgeMs, duration, (oldestAgeMs ?? 0) > oldMs && 'warn'),
    figure(queue.published, perSecond),
    figure(queue.done, perSecond),
    figure(queue.failed, perSecond, (queue.failed ?? 0) > 0 && 'bad'),
    td({}, a({ href: addressOf(`/services/${encodeURIComponent(service)}`) }, service)),
    td({ title: queue.url }, queue.broker),
  )
}
