import type { VNode } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { QueueMessage, QueueSummary } from '../../src/wire/index.ts'
import { asCallError, post } from '../api.ts'
import type { CallError } from '../api.ts'
import { a, button, code, component, dd, div, dl, dt, p, pre, span } from '../elements.ts'
import { addressOf } from '../router.ts'
import { dialog } from './dialog.ts'
import { grid } from './grid.ts'
import type { Column } from './grid.ts'
import { absent, bytes, count } from './quantity.ts'
import { effectOfLooking, isChangedByLooking } from './queue-names.ts'
import { empty, failure, loading } from './states.ts'
import { agoText, durationText, time } from './time.ts'

const pageSize = 100

type Looked = {
  readonly messages: readonly QueueMessage[]
  readonly hasMore: boolean
  readonly effect: string | null
}
type Looking = {
  readonly looked: Looked | undefined
  readonly error: CallError | undefined
  readonly isLoading: boolean
  readonly look: () => void
  readonly more: () => void
}

/** The messages of a queue, a page at a time. Where looking changes the queue, it is not done before `look` is called. */
export function useMessages(name: string, queue: QueueSummary, reason?: string): Looking {
  const [state, setState] = useState<Omit<Looking, 'look' | 'more'>>({
    looked: undefined,
    error: undefined,
    isLoading: false,
  })
  const next = useRef<number | null>(null)
  async function load(after: number | undefined): Promise<void> {
    setState((old) => ({ ...old, error: undefined, isLoading: true }))
    try {
      const body = {
        limit: pageSize,
        ...(after !== undefined && { after }),
        ...(reason !== undefined && { reason }),
      }
      const page = await post('/api/queues/:name/look', body, { params: { name } })
      next.current = page.next
      setState(({ looked }) => ({
        looked: {
          messages: after === undefined ? page.data : [...(looked?.messages ?? []), ...page.data],
          hasMore: page.next !== null,
          effect: page.effect,
        },
        error: undefined,
        isLoading: false,
      }))
    } catch (error) {
      setState((old) => ({ ...old, error: asCallError(error), isLoading: false }))
    }
  }
  useEffect(() => {
    if (!isChangedByLooking(queue)) load(undefined)
  }, [name, reason])
  return {
    ...state,
    look: () => void load(undefined),
    more: () => {
      if (next.current !== null && !state.isLoading) load(next.current)
    },
  }
}

/** What stands in the place of messages until there are some; undefined where there are. */
export function insteadOfMessages(
  { looked, error, isLoading, look }: Looking,
  queue: QueueSummary,
): VNode | undefined {
  if (error !== undefined) return failure(error, look)
  if (looked === undefined && !isLoading && isChangedByLooking(queue)) {
    return empty(
      'Not looked at',
      p({}, effectOfLooking),
      button({ type: 'button', class: 'primary', onClick: look }, 'Look'),
    )
  }
  if (looked === undefined) return loading('the messages')
  if (looked.messages.length === 0) {
    return empty(
      'No messages',
      p({}, 'Nothing waits here.'),
      button({ type: 'button', onClick: look }, 'Look again'),
    )
  }
  return undefined
}

/** What is in a queue of live messages. */
export const queueMessages = component(function QueueMessages(props: {
  readonly name: string
  readonly queue: QueueSummary
}) {
  const looking = useMessages(props.name, props.queue)
  const instead = insteadOfMessages(looking, props.queue)
  return instead ?? messageList({ name: props.name, looking, columns: messageColumns })
})

export const messageColumns: readonly Column<QueueMessage>[] = [
  { key: 'id', title: 'Id', width: 'minmax(9rem, 1fr)', cell: ({ id }) => code({ title: id }, id) },
  { key: 'key', title: 'Key', width: '8rem', cell: ({ key }) => (key === '' ? absent : key) },
  {
    key: 'age',
    title: 'Age',
    width: '7rem',
    cell: ({ at }) => (at === null ? absent : durationText(Math.max(0, Date.now() - at))),
  },
  {
    key: 'attempts',
    title: 'Attempts',
    width: '5.5rem',
    align: 'end',
    cell: ({ attempts }) => count(attempts),
  },
  {
    key: 'body',
    title: 'Body',
    width: 'minmax(12rem, 2fr)',
    cell: ({ body }) => code({}, body.slice(0, 200)),
  },
  { key: 'trace', title: 'Trace', width: '4.5rem', cell: ({ traceId }) => traceLink(traceId) },
]

function traceLink(traceId: string) {
  return traceId === '' ? absent : a({ href: addressOf(`/traces/${traceId}`) }, 'trace')
}

/** The list, and the message that was opened in it. */
export const messageList = component(function MessageList(props: {
  readonly name: string
  readonly looking: Looking
  readonly columns: readonly Column<QueueMessage>[]
  readonly messages?: readonly QueueMessage[]
}) {
  const { name, looking, columns } = props
  const [open, setOpen] = useState<QueueMessage>()
  const messages = props.messages ?? looking.looked?.messages ?? []
  const { hasMore = false, effect = null } = looking.looked ?? {}
  return div(
    { class: 'messages' },
    effect !== null && p({ class: 'notice', role: 'status' }, effect),
    grid({
      label: `Messages of ${name}`,
      columns,
      rows: messages,
      keyOf: ({ position, id }) => `${position} ${id}`,
      textOf: ({ id, key, body, reason }) => `${id} ${key} ${body} ${reason ?? ''}`,
      open: setOpen,
      ...(hasMore && effect === null && { nearEnd: looking.more }),
    }),
    p(
      { class: 'quiet' },
      hasMore
        ? `The oldest ${count(messages.length)} are shown. `
        : `All ${count(messages.length)} are shown. `,
      hasMore &&
        effect !== null &&
        button(
          { type: 'button', disabled: looking.isLoading, onClick: looking.more },
          `Look at the next ${pageSize}`,
        ),
    ),
    open !== undefined && messageDialog({ name, message: open, close: () => setOpen(undefined) }),
  )
})

/** A message with all that it has; the rest of a long body comes on demand. */
const messageDialog = component(function MessageDialog(props: {
  readonly name: string
  readonly message: QueueMessage
  readonly close: () => void
}) {
  const [whole, setWhole] = useState<string>()
  const [error, setError] = useState<CallError>()
  const { id, key, at, attempts, reason, body, bodyBytes, headers, traceId } = props.message
  const shown = whole ?? body
  const isCut = whole === undefined && new TextEncoder().encode(body).length < bodyBytes
  async function loadWhole(): Promise<void> {
    try {
      const { data } = await post('/api/queues/:name/look', { whole: id }, { params: { name: props.name } })
      setWhole(data.find((message) => message.id === id)?.body ?? body)
    } catch (fault) {
      setError(asCallError(fault))
    }
  }
  return dialog(
    { title: `Message ${id}`, close: props.close },
    dl(
      { class: 'pairs' },
      ...pair('Key', key === '' ? absent : key),
      ...pair('Time', at === null ? absent : [time({ at }), ` (${agoText(at)})`]),
      ...pair('Attempts', count(attempts)),
      ...(reason === null ? [] : pair('Reason', reason)),
      ...pair('Trace', traceId === '' ? absent : a({ href: addressOf(`/traces/${traceId}`) }, traceId)),
      ...Object.entries(headers).flatMap(([name, value]) => pair(name, code({}, value))),
    ),
    pre({ class: 'body', tabIndex: 0, 'aria-label': 'Body' }, indented(shown)),
    isCut &&
      p(
        {},
        `${bytes(new TextEncoder().encode(body).length)} of ${bytes(bodyBytes)} are shown. `,
        button({ type: 'button', onClick: () => void loadWhole() }, 'More'),
      ),
    error !== undefined && span({ class: 'fault', role: 'alert' }, error.message),
  )
})

function pair(name: string, value: Parameters<typeof dd>[1]): VNode[] {
  return [dt({}, name), dd({}, value)]
}

/** JSON with a line for each member; anything else as it is. */
export function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2)
  } catch {
    return text
  }
}
