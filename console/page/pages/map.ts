import type { VNode } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import type { SystemMap } from '../../src/wire/index.ts'
import { useGet } from '../api.ts'
import { a, classes, code, component, div, h2, li, p, section, span, ul, pageHead } from '../elements.ts'
import { attentionOf } from '../parts/attention.ts'
import { useCurrentMap } from '../parts/current.ts'
import { eventList } from '../parts/event-list.ts'
import { systemMap } from '../parts/map.ts'
import { budgetsOf, objective } from '../parts/objectives.ts'
import type { Budget } from '../parts/objectives.ts'
import { share } from '../parts/quantity.ts'
import { stateWord } from '../parts/state-word.ts'
import { empty, failure, loading, staleNotice } from '../parts/states.ts'
import { shortCount } from '../parts/time.ts'
import { addressOf } from '../router.ts'
import { useTimeSpan } from '../time-span.ts'
import type { TimeSpan } from '../time-span.ts'

const budgetDays = 30
const dayMs = 86_400_000
const budgetStepSeconds = 21_600
const eventsShown = 6

export function Page() {
  return div({ class: 'map-page' }, pageHead('Map', legend()), content({}))
}

const content = component(function Content() {
  const timeSpan = useTimeSpan()
  const { data: map, error, reload } = useCurrentMap()
  if (map === undefined) return error === undefined ? loading('the map') : failure(error, reload)
  if (map.nodes.length === 0) {
    return empty('No services', p({}, 'Start the system with ', code({}, 'npm start'), '.'))
  }
  return [
    error !== undefined && staleNotice(error, reload),
    systemMap({ map }),
    div({ class: 'panels' }, attention(map), budgets({}), lastEvents({ timeSpan })),
  ]
})

const shownStates = ['up', 'starting', 'not ready', 'stopped', 'down'] as const

/** The shapes of states. */
function legend(): VNode {
  return ul(
    { class: 'map-legend', 'aria-label': 'States' },
    ...shownStates.map((state) => li({ key: state }, stateWord(state))),
  )
}

function attention(map: SystemMap): VNode {
  const found = attentionOf(map)
  return section(
    { class: 'panel', 'aria-labelledby': 'attention' },
    h2({ id: 'attention' }, 'Needs attention'),
    found.length === 0
      ? p(
          { class: 'quiet' },
          'Nothing: all parts are up, no letter is dead, no response failed in the last minute.',
        )
      : ul(
          { class: 'attention' },
          ...found.map(({ text, why, address, isBad }) =>
            li(
              { key: text, class: isBad ? 'bad' : 'warn' },
              a({ href: address }, text),
              why !== '' && span({ class: 'quiet' }, why),
            ),
          ),
        ),
  )
}

/** The objective of each service, and how much of its error budget is left. */
const budgets = component(function Budgets() {
  const [to] = useState(() => Date.now())
  const range = { from: to - budgetDays * dayMs, to, step: budgetStepSeconds }
  const requests = useGet('/api/series', { query: { name: 'requests', ...range } })
  const errors = useGet('/api/series', { query: { name: 'errors', ...range } })
  const found = useMemo(
    () =>
      requests.data === undefined || errors.data === undefined
        ? undefined
        : budgetsOf(requests.data, errors.data),
    [requests.data, errors.data],
  )
  return section(
    { class: 'panel', 'aria-labelledby': 'budgets' },
    h2({ id: 'budgets' }, `Objective: ${objective * 100} % of requests succeed`),
    found === undefined
      ? p({ class: 'quiet' }, requests.error?.message ?? errors.error?.message ?? 'Loading …')
      : found.length === 0
        ? p({ class: 'quiet' }, `No requests in the last ${budgetDays} days.`)
        : ul({ class: 'budgets' }, ...found.map(budgetRow)),
  )
})

function budgetRow({ service, requests, succeeded, left }: Budget): VNode {
  const tone = left <= 0 ? 'bad' : left < 0.25 ? 'warn' : 'good'
  return li(
    {
      key: service,
      title: `${share(succeeded)} of ${shortCount(Math.round(requests))} requests in ${budgetDays} days`,
    },
    a({ href: addressOf(`/services/${encodeURIComponent(service)}`) }, service),
    span(
      { class: classes('budget-bar', tone), 'aria-hidden': 'true' },
      span({ style: { width: `${Math.max(0, Math.min(left, 1)) * 100}%` } }),
    ),
    span({ class: 'figure' }, left <= 0 ? 'budget spent' : `${share(left)} left`),
  )
}

const lastEvents = component(function LastEvents({ timeSpan }: { readonly timeSpan: TimeSpan }) {
  const { data, error } = useGet('/api/events', {
    query: { from: Math.round(timeSpan.from), to: Math.round(timeSpan.to) },
  })
  return section(
    { class: 'panel', 'aria-labelledby': 'events' },
    h2({ id: 'events' }, a({ href: addressOf('/actions') }, 'Last events')),
    data === undefined
      ? p({ class: 'quiet' }, error?.message ?? 'Loading …')
      : data.data.length === 0
        ? p({ class: 'quiet' }, 'Nothing has changed in this span of time.')
        : eventList(data.data.toSorted((one, other) => other.at - one.at).slice(0, eventsShown)),
  )
})
