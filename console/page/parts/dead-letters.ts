import type { VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { DeadLetterGroups, QueueMessage, QueueSummary } from '../../src/wire/index.ts'
import { asCallError, post } from '../api.ts'
import type { CallError } from '../api.ts'
import {
  button,
  caption,
  component,
  div,
  input,
  label,
  p,
  section,
  table,
  tbody,
  td,
  th,
  thead,
  tr,
} from '../elements.ts'
import { setQuery, useRoute } from '../router.ts'
import type { Column } from './grid.ts'
import { moment } from './instant.ts'
import { moveBar, moveOutcome } from './move.ts'
import type { Choice } from './move.ts'
import { absent, count } from './quantity.ts'
import { insteadOfMessages, messageColumns, messageList, useMessages } from './queue-messages.ts'
import { deadLettersOf, effectOfLooking, isChangedByLooking } from './queue-names.ts'
import { empty, failure, loading } from './states.ts'
import { counted } from './time.ts'

type DeadLettersProps = { readonly queue: QueueSummary; readonly reloadQueues: () => void }

/** The dead letters of a queue by their reasons: a group, some rows or all are chosen, and then put back or removed. */
export const deadLetters = component(function DeadLetters({ queue, reloadQueues }: DeadLettersProps) {
  const name = deadLettersOf(queue.name)
  const { groups, error, load, forget } = useGroups(name, !isChangedByLooking(queue))
  const moveId = useRoute().query.get('move') ?? ''
  const [round, setRound] = useState(0)
  const renew = () => {
    if (isChangedByLooking(queue)) forget()
    else load()
    reloadQueues()
    setRound((old) => old + 1)
  }
  const outcome = moveId !== '' && moveOutcome({ key: moveId, id: moveId, onOver: renew })
  if (error !== undefined) return div({}, outcome, failure(error, load))
  if (groups === undefined) {
    return isChangedByLooking(queue)
      ? empty(
          'Not looked at',
          p({}, effectOfLooking),
          button({ type: 'button', class: 'primary', onClick: load }, 'Look'),
        )
      : loading('the reasons')
  }
  if (groups.total === 0) {
    return div(
      {},
      outcome,
      empty('No dead letters', p({}, 'Every message was handled, or waits for its next attempt.')),
    )
  }
  return div({ class: 'stack' }, outcome, chooser({ key: round, name, queue, groups, renew }))
})

function useGroups(name: string, isAtOnce: boolean) {
  const [groups, setGroups] = useState<DeadLetterGroups>()
  const [error, setError] = useState<CallError>()
  const [wanted, setWanted] = useState(isAtOnce ? 1 : 0)
  useEffect(() => {
    if (wanted === 0) return
    let isCurrent = true
    post('/api/queues/:name/reasons', {}, { params: { name } }).then(
      (found) => {
        if (!isCurrent) return
        setGroups(found)
        setError(undefined)
      },
      (fault: unknown) => isCurrent && setError(asCallError(fault)),
    )
    return () => {
      isCurrent = false
    }
  }, [name, wanted])
  return {
    groups,
    error,
    load: () => setWanted((old) => old + 1),
    forget: () => {
      setWanted(0)
      setGroups(undefined)
    },
  }
}

type ChooserProps = {
  readonly name: string
  readonly queue: QueueSummary
  readonly groups: DeadLetterGroups
  readonly renew: () => void
}

const chooser = component(function Chooser({ name, queue, groups, renew }: ChooserProps) {
  const reason = useRoute().query.get('reason') ?? undefined
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set())
  const group = groups.data.find((other) => other.reason === reason)
  // Where looking changes the queue, the letters that were looked at are filtered here.
  const looking = useMessages(name, queue, isChangedByLooking(queue) ? undefined : group?.reason)
  const messages = (looking.looked?.messages ?? []).filter(
    (message) => group === undefined || message.reason === reason,
  )
  const choice: Choice =
    ids.size > 0
      ? { kind: 'rows', ids: [...ids], count: ids.size }
      : group === undefined
        ? { kind: 'all', count: groups.total }
        : { kind: 'reason', reason: group.reason, count: group.count }
  const toggle = (id: string) =>
    setIds((old) => {
      const next = new Set(old)
      if (!next.delete(id)) next.add(id)
      return next
    })
  const choose = (next: string | undefined) => {
    setIds(new Set())
    setQuery({ reason: next }, { replace: true })
  }
  return div(
    { class: 'stack' },
    groupTable(groups, group?.reason, choose),
    moveBar({ name, queue, choice, clear: () => setIds(new Set()), renew }),
    section(
      {
        'aria-label': 'Dead letters',
        onKeyDown: (event: KeyboardEvent) => toggleByKey(event, messages, toggle),
      },
      insteadOfMessages(looking, queue) ??
        messageList({ name, looking, messages, columns: [chooseColumn(ids, toggle), ...columns] }),
    ),
  )
})

const columns: readonly Column<QueueMessage>[] = [
  ...messageColumns.filter(({ key }) => key === 'id' || key === 'age' || key === 'attempts'),
  { key: 'reason', title: 'Reason', width: 'minmax(10rem, 2fr)', cell: ({ reason }) => reason ?? '' },
  ...messageColumns.filter(({ key }) => key === 'body' || key === 'trace'),
]

function chooseColumn(ids: ReadonlySet<string>, toggle: (id: string) => void): Column<QueueMessage> {
  return {
    key: 'chosen',
    title: 'Choose',
    width: '5.5rem',
    cell: ({ id }) =>
      input({
        type: 'checkbox',
        checked: ids.has(id),
        tabIndex: -1,
        'aria-label': `Choose ${id}`,
        onChange: () => toggle(id),
      }),
  }
}

/** The space bar chooses the row that has the focus. */
function toggleByKey(
  event: KeyboardEvent,
  messages: readonly QueueMessage[],
  toggle: (id: string) => void,
): void {
  if (event.key !== ' ' || !(event.target instanceof Element) || event.target.getAttribute('role') !== 'row')
    return
  const message = messages[Number(event.target.getAttribute('aria-rowindex')) - 2]
  if (message === undefined) return
  event.preventDefault()
  toggle(message.id)
}

function groupTable(
  { data, total, seen, effect }: DeadLetterGroups,
  chosen: string | undefined,
  choose: (reason: string | undefined) => void,
): VNode {
  const option = (reason: string | undefined, text: string) =>
    label(
      { class: 'choice' },
      input({ type: 'radio', name: 'reason', checked: chosen === reason, onChange: () => choose(reason) }),
      text,
    )
  return div(
    {},
    effect !== null && p({ class: 'notice', role: 'status' }, effect),
    div(
      { class: 'scroll-x' },
      table(
        { class: 'list groups' },
        caption({ class: 'hidden' }, 'Dead letters by reason'),
        thead(
          {},
          tr(
            {},
            th({ scope: 'col' }, 'Reason'),
            th({ scope: 'col', class: 'figure' }, 'Letters'),
            th({ scope: 'col', class: 'figure' }, 'First, last'),
          ),
        ),
        tbody(
          {},
          tr(
            { class: chosen === undefined ? 'chosen' : undefined },
            th({ scope: 'row' }, option(undefined, 'All')),
            td({ class: 'figure' }, count(total)),
            td({}),
          ),
          ...data.map(({ reason, count: letters, firstAt, lastAt }) =>
            tr(
              { key: reason, class: chosen === reason ? 'chosen' : undefined },
              th({ scope: 'row' }, option(reason, reason)),
              td({ class: 'figure' }, count(letters)),
              td(
                { class: 'figure' },
                ...[firstAt, lastAt].map((at) => div({}, at === null ? absent : moment(at))),
              ),
            ),
          ),
        ),
      ),
    ),
    seen < total &&
      p(
        { class: 'quiet' },
        `The groups are those of the oldest ${count(seen)} of ${counted(total, 'letter')}.`,
      ),
  )
}
