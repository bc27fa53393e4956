import type { Trace } from '../../src/wire/index.ts'
import { useGet } from '../api.ts'
import { button, classes, component, div, label, option, p, select, span } from '../elements.ts'
import { setQuery, useRoute } from '../router.ts'
import { grid } from './grid.ts'
import type { Column } from './grid.ts'
import { serviceName } from './service-name.ts'
import { pairsOf, treeOf } from './span-tree.ts'
import type { Pair } from './span-tree.ts'
import { empty, failure, loading } from './states.ts'
import { durationText, timeText } from './time.ts'

const choicesMax = 100

/** The spans of this trace beside those of another one of the same route. */
export const compare = component(function Compare({ trace }: { readonly trace: Trace }) {
  const other = useRoute().query.get('with') ?? ''
  const others = useGet('/api/traces', { query: { route: trace.root, limit: choicesMax, sort: 'duration' } })
  const second = useGet('/api/traces/:id', { params: { id: other }, skip: other === '' })
  const choices = (others.data?.data ?? []).filter(({ id }) => id !== trace.id)
  return div(
    { class: 'content' },
    div(
      { class: 'toolbar' },
      label(
        {},
        'With ',
        select(
          { value: other, onChange: (event) => setQuery({ with: event.currentTarget.value }) },
          option({ value: '' }, 'choose a trace, the slowest first'),
          other !== '' && !choices.some(({ id }) => id === other) && option({ value: other }, other),
          ...choices.map(({ id, at, durationMs, status, why }) =>
            option(
              { key: id, value: id },
              `${durationText(durationMs)} · ${status ?? '–'} · ${why} · ${timeText(at, 'both')}`,
            ),
          ),
        ),
      ),
      other !== '' && button({ type: 'button', onClick: () => setQuery({ with: undefined }) }, 'None'),
    ),
    content(),
  )

  function content() {
    if (other === '')
      return empty(
        'No second trace',
        `Choose another one of ${trace.root} to see where their durations differ.`,
      )
    if (second.error !== undefined) return failure(second.error, second.reload)
    if (second.data === undefined || second.data.id !== other) return loading('the second trace')
    const pairs = pairsOf(treeOf(trace.data), treeOf(second.data.data))
    return [
      p(
        { class: 'honest' },
        span({}, `this one ${durationText(trace.durationMs)}`),
        span({}, `the other one ${durationText(second.data.durationMs)}`),
      ),
      pairGrid(pairs),
    ]
  }
})

function pairGrid(pairs: readonly Pair[]) {
  const longest = Math.max(
    1,
    ...pairs.flatMap(({ one, other }) => [one?.durationMs ?? 0, other?.durationMs ?? 0]),
  )
  const columns: readonly Column<Pair>[] = [
    {
      key: 'span',
      title: 'Span',
      width: 'minmax(16rem, 2fr)',
      cell: ({ name, service, level }) => [
        span({ class: 'mono', style: { paddingLeft: `${(level - 1) * 12}px` } }, name),
        ' ',
        service !== '' && serviceName(service),
      ],
    },
    {
      key: 'one',
      title: 'This one',
      width: 'minmax(9rem, 1fr)',
      align: 'end',
      cell: ({ one }) => duration(one?.durationMs, longest),
    },
    {
      key: 'other',
      title: 'The other one',
      width: 'minmax(9rem, 1fr)',
      align: 'end',
      cell: ({ other }) => duration(other?.durationMs, longest),
    },
    { key: 'difference', title: 'Difference', width: '8rem', align: 'end', cell: difference },
  ]
  return grid<Pair>({
    label: 'Spans of both traces',
    columns,
    rows: pairs,
    keyOf: ({ id }) => id,
    textOf: ({ name, service }) => `${name} ${service}`,
  })
}

function duration(ms: number | undefined, longest: number) {
  if (ms === undefined) return span({ class: 'quiet' }, 'has none')
  return [
    span({ class: 'bar-track' }, span({ class: 'bar', style: { width: `${(ms / longest) * 100}%` } })),
    span({ class: 'mono bar-text' }, durationText(ms)),
  ]
}

/** What is worth a colour: half as long again, and not by chance of a fraction of a millisecond. */
const notable = { share: 0.5, ms: 1 }

function difference({ one, other }: Pair) {
  if (one === undefined || other === undefined) return '–'
  const ms = other.durationMs - one.durationMs
  const isNotable = Math.abs(ms) > notable.ms && Math.abs(ms) > one.durationMs * notable.share
  return span(
    { class: classes('mono', isNotable && (ms > 0 ? 'bad-text' : 'good-text')) },
    `${ms < 0 ? '−' : '+'}${durationText(Math.abs(ms))}`,
  )
}
