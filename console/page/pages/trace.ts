import { useMemo } from 'preact/hooks'
import type { Span, Trace, TraceSummary } from '../../src/wire/index.ts'
import { useGet, useText } from '../api.ts'
import { a, button, classes, component, div, h1, h2, header, p, pre, span } from '../elements.ts'
import type { PageProps } from '../pages.ts'
import { compare } from '../parts/compare.ts'
import { copyButton } from '../parts/copy-button.ts'
import { grid } from '../parts/grid.ts'
import { icon } from '../parts/icons.ts'
import { linePanel, logList } from '../parts/log-list.ts'
import { serviceName } from '../parts/service-name.ts'
import { spanPanel } from '../parts/span-panel.ts'
import { treeOf } from '../parts/span-tree.ts'
import { empty, failure, loading } from '../parts/states.ts'
import { tabs } from '../parts/tabs.ts'
import { counted, durationText, time } from '../parts/time.ts'
import { waterfall } from '../parts/waterfall.ts'
import { addressOf, go, setQuery, useRoute } from '../router.ts'
import { session } from '../session.ts'
import { useStore } from '../store.ts'

const all = [
  { name: 'spans', title: 'Spans' },
  { name: 'logs', title: 'Logs' },
  { name: 'messages', title: 'Messages' },
  { name: 'json', title: 'JSON (OTLP)' },
  { name: 'compare', title: 'Compare' },
] as const

/** One trace: its spans over time, the lines and the messages that belong to it. */
export function Page({ params }: PageProps) {
  const { id = '' } = params
  const { data, error, reload } = useGet('/api/traces/:id', { params: { id } })
  const chosen = useRoute().query.get('tab') ?? 'spans'
  if (data === undefined)
    return div(
      { class: 'page' },
      h1({}, 'Trace'),
      error !== undefined ? failure(error, reload) : loading('the trace'),
      error !== undefined && a({ class: 'button', href: addressOf('/traces') }, icon('back'), 'All traces'),
    )
  return div(
    { class: 'page fills' },
    traceHead({ trace: data }),
    ...data.gaps.map((text) => p({ key: text, class: 'notice' }, icon('alert'), span({}, text))),
    tabs(
      {
        label: 'Parts of the trace',
        tabs: all,
        chosen,
        choose: (name) => setQuery({ tab: name === 'spans' ? undefined : name }, { replace: true }),
      },
      tabOf(chosen, data),
    ),
  )
}

function tabOf(name: string, trace: Trace) {
  switch (name) {
    case 'logs':
      return logsTab({ id: trace.id })
    case 'messages':
      return messagesTab(trace)
    case 'json':
      return jsonTab({ id: trace.id })
    case 'compare':
      return compare({ trace })
  }
  return spansTab({ trace })
}

const traceHead = component(function TraceHead({ trace }: { readonly trace: Trace }) {
  const docsUrl = useStore(session)?.docsUrl ?? ''
  const curl = curlOf(trace.data[0], docsUrl)
  const { status, failed } = trace
  return header(
    { class: 'trace-head' },
    div(
      { class: 'page-head' },
      a({ class: 'button', href: addressOf('/traces'), 'aria-label': 'All traces' }, icon('back')),
      h1({ class: 'mono' }, trace.root),
      status !== null && span({ class: classes('tag', failed && 'error') }, status),
      span({ class: classes('tag', trace.why) }, `kept: ${trace.why}`),
      span(
        { class: 'toolbar kept-end' },
        curl !== undefined && copyButton({ text: curl, what: 'The command', title: 'Copy as curl' }),
        copyButton({ text: trace.id, what: 'The id', title: 'Copy id' }),
        button(
          { type: 'button', onClick: () => go(addressOf('/traces', { route: trace.root })) },
          'All of this route',
        ),
      ),
    ),
    p(
      { class: 'honest' },
      span({}, time({ at: trace.at })),
      span({}, durationText(trace.durationMs)),
      span({}, counted(trace.spans, 'span')),
      span({}, ...trace.services.map((name) => serviceName(name))),
      span({ class: 'mono' }, trace.id),
      trace.requestId !== '' && span({}, 'request ', span({ class: 'mono' }, trace.requestId)),
    ),
  )
})

/** The request again, without its body, which is not kept; undefined where the trace does not begin with a request. */
function curlOf(first: Span | undefined, docsUrl: string): string | undefined {
  const { 'http.request.method': method, 'url.path': path } = first?.attributes ?? {}
  if (typeof method !== 'string' || typeof path !== 'string') return undefined
  const origin = URL.canParse(docsUrl) ? new URL(docsUrl).origin : 'http://127.0.0.1:3000'
  const body = ['POST', 'PUT', 'PATCH'].includes(method)
    ? " -H 'Content-Type: application/json' -d @body.json"
    : ''
  return `curl -i -X ${quoted(method)} ${quoted(origin + path)}${body}`
}

/** One word for a POSIX shell, whatever is in it. */
function quoted(text: string): string {
  return /^[\w./:-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

const spansTab = component(function SpansTab({ trace }: { readonly trace: Trace }) {
  const tree = useMemo(() => treeOf(trace.data), [trace])
  const at = useRoute().query.get('at') ?? tree.roots[0]?.id ?? ''
  if (trace.data.length === 0) return empty('No spans', 'Nothing but the summary of this trace is kept.')
  return div(
    { class: 'with-panel' },
    waterfall({ tree, chosen: at, choose: (id) => setQuery({ at: id }, { replace: true }) }),
    spanPanel({ tree, id: at }),
  )
})

const linesMax = 1_000
/** Lines are written a moment after the spans. */
const linesMs = 5_000

const logsTab = component(function LogsTab({ id }: { readonly id: string }) {
  const { data, error, reload } = useGet('/api/logs', {
    query: { trace: id, limit: linesMax },
    everyMs: linesMs,
  })
  const opened = Number(useRoute().query.get('line') ?? '')
  if (data === undefined) return error === undefined ? loading('its lines') : failure(error, reload)
  if (data.data.length === 0)
    return empty('No lines', 'No service wrote a line about it, or they are forgotten.')
  const line = data.data.find((one) => one.id === opened)
  return div(
    { class: 'with-panel' },
    logList({
      lines: data.data.toReversed(),
      open: (one) => setQuery({ line: one.id }, { replace: true }),
      openId: line?.id,
    }),
    line !== undefined && div({ class: 'panel' }, linePanel({ line })),
  )
})

/** What the trace sent to queues and handled from them, and the traces at the other ends. */
function messagesTab(trace: Trace) {
  const spans = trace.data.filter(({ kind }) => kind === 'producer' || kind === 'consumer')
  if (spans.length === 0 && trace.linked.length === 0)
    return empty('No messages', 'This trace has neither published a message nor handled one.')
  const value = (one: Span, name: string) => String(one.attributes[name] ?? '–')
  return div(
    { class: 'content' },
    h2({}, 'In this trace'),
    grid<Span>({
      label: 'Messages of this trace',
      rows: spans,
      keyOf: ({ id }) => id,
      textOf: (one) => `${one.name} ${Object.values(one.attributes).join(' ')}`,
      open: ({ id }) => setQuery({ tab: undefined, at: id }),
      columns: [
        {
          key: 'what',
          title: 'What',
          width: '7rem',
          cell: ({ kind }) => (kind === 'producer' ? 'published' : 'handled'),
        },
        {
          key: 'queue',
          title: 'Queue',
          width: 'minmax(10rem, 1fr)',
          cell: (one) => queueLink(value(one, 'messaging.destination.name')),
        },
        {
          key: 'id',
          title: 'Message',
          width: 'minmax(12rem, 2fr)',
          cell: (one) => span({ class: 'mono' }, value(one, 'messaging.message.id')),
        },
        {
          key: 'count',
          title: 'Of a batch of',
          width: '7rem',
          align: 'end',
          cell: (one) => value(one, 'messaging.batch.message_count'),
        },
        {
          key: 'attempt',
          title: 'Attempt',
          width: '6rem',
          align: 'end',
          cell: (one) => value(one, 'quintet.attempt'),
        },
        { key: 'time', title: 'Time', width: '9.5rem', cell: ({ at }) => time({ at }) },
        {
          key: 'error',
          title: 'Outcome',
          width: '8rem',
          cell: ({ error }) => (error === '' ? 'succeeded' : span({ class: 'tag error' }, error)),
        },
      ],
    }),
    h2({}, 'Traces that its messages lead to, or come from'),
    trace.linked.length === 0
      ? p({ class: 'quiet' }, 'None is kept.')
      : grid<TraceSummary>({
          label: 'Linked traces',
          isFound: false,
          rows: trace.linked,
          keyOf: ({ id }) => id,
          textOf: ({ root }) => root,
          open: ({ id }) => go(addressOf(`/traces/${id}`)),
          columns: [
            { key: 'time', title: 'Time', width: '9.5rem', cell: ({ at }) => time({ at }) },
            {
              key: 'root',
              title: 'First span',
              width: 'minmax(12rem, 1fr)',
              cell: ({ id, root }) =>
                a({ class: 'mono', tabIndex: -1, href: addressOf(`/traces/${id}`) }, root),
            },
            {
              key: 'services',
              title: 'Services',
              width: 'minmax(10rem, 1fr)',
              cell: ({ services }) => services.map((name) => serviceName(name)),
            },
            {
              key: 'duration',
              title: 'Duration',
              width: '7rem',
              align: 'end',
              cell: ({ durationMs }) => durationText(durationMs),
            },
            {
              key: 'why',
              title: 'Kept as',
              width: '6rem',
              cell: ({ why }) => span({ class: classes('tag', why) }, why),
            },
          ],
        }),
  )
}

function queueLink(name: string) {
  return name === '–'
    ? name
    : a({ tabIndex: -1, href: addressOf(`/queues/${encodeURIComponent(name)}`) }, name)
}

const jsonTab = component(function JsonTab({ id }: { readonly id: string }) {
  const address = `/api/traces/${encodeURIComponent(id)}?format=otlp`
  const { data, error, reload } = useText(address)
  if (data === undefined) return error === undefined ? loading('the JSON') : failure(error, reload)
  return div(
    { class: 'content' },
    div(
      { class: 'toolbar' },
      copyButton({ text: data, what: 'The trace', title: 'Copy' }),
      a({ class: 'button', href: address, download: `trace-${id}.json` }, 'Save'),
    ),
    pre(
      { class: 'text scrolls', tabIndex: 0, role: 'region', 'aria-label': 'The trace as OTLP in JSON' },
      data,
    ),
  )
})
