import type { VNode } from 'preact'
import { useState } from 'preact/hooks'
import type { ActionList } from '../../src/wire/index.ts'
import { asCallError, get, useGet } from '../api.ts'
import {
  button,
  classes,
  component,
  div,
  h2,
  p,
  section,
  table,
  tbody,
  td,
  th,
  thead,
  tr,
  pageHead,
} from '../elements.ts'
import { eventList } from '../parts/event-list.ts'
import { moment } from '../parts/instant.ts'
import { empty, failure, loading, staleNotice } from '../parts/states.ts'
import { useTimeSpan } from '../time-span.ts'

const everyMs = 10_000
const pageSize = 100

export function Page() {
  return div(
    { class: 'page' },
    pageHead('Actions'),
    p(
      { class: 'quiet lead' },
      'Who did what from the console or the command line, and what changed the system by itself.',
    ),
    div({ class: 'two-columns' }, actions({}), events({})),
  )
}

const actions = component(function Actions() {
  const { data, error, reload } = useGet('/api/actions', { query: { limit: pageSize }, everyMs })
  return section(
    {},
    h2({ id: 'actions' }, 'Actions'),
    data === undefined
      ? error === undefined
        ? loading('the actions')
        : failure(error, reload)
      : [
          error !== undefined && staleNotice(error, reload),
          data.data.length === 0
            ? empty(
                'No actions',
                p(
                  {},
                  'What is started, stopped, replayed, dropped or checked from here is listed with its outcome.',
                ),
              )
            : actionTable({ first: data }),
        ],
  )
})

const actionTable = component(function ActionTable({ first }: { readonly first: ActionList }) {
  const [older, setOlder] = useState<ActionList>()
  const [fault, setFault] = useState('')
  const last = older ?? first
  async function more(): Promise<void> {
    try {
      const page = await get('/api/actions', { query: { limit: pageSize, cursor: last.next ?? undefined } })
      setOlder({ ...page, data: [...(older?.data ?? []), ...page.data] })
      setFault('')
    } catch (error) {
      setFault(asCallError(error).message)
    }
  }
  const known = new Set(first.data.map(({ id }) => id))
  const rows = [...first.data, ...(older?.data ?? []).filter(({ id }) => !known.has(id))]
  return div(
    {},
    div(
      { class: 'scroll-x', tabIndex: 0, role: 'region', 'aria-labelledby': 'actions' },
      table(
        { class: 'list' },
        thead(
          {},
          tr({}, ...['When', 'Who', 'What', 'On', 'Outcome'].map((title) => th({ scope: 'col' }, title))),
        ),
        tbody({}, ...rows.map(row)),
      ),
    ),
    fault !== '' && p({ class: 'fault', role: 'alert' }, fault),
    last.next !== null && button({ type: 'button', onClick: () => void more() }, 'Older'),
  )
})

function row({ id, at, who, what, on, outcome, succeeded }: ActionList['data'][number]): VNode {
  return tr(
    { key: id },
    td({}, moment(at)),
    td({}, who),
    th({ scope: 'row' }, what),
    td({}, on),
    td({ class: classes(!succeeded && 'bad') }, succeeded ? outcome : `refused or failed: ${outcome}`),
  )
}

const events = component(function Events() {
  const { from, to } = useTimeSpan()
  const { data, error, reload } = useGet('/api/events', {
    query: { from: Math.round(from), to: Math.round(to) },
  })
  return section(
    { 'aria-labelledby': 'events' },
    h2({ id: 'events' }, 'Events'),
    data === undefined
      ? error === undefined
        ? loading('the events')
        : failure(error, reload)
      : data.data.length === 0
        ? empty('No events', p({}, 'Nothing has changed in this span of time. Choose a longer one above.'))
        : eventList(data.data.toSorted((one, other) => other.at - one.at)),
  )
})
