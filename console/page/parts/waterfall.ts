import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { button, classes, component, div, span } from '../elements.ts'
import { useFindText, useFinder, useMatches } from '../find.ts'
import { movedBy, rowPx } from './grid.ts'
import { serviceColor, serviceName } from './service-name.ts'
import { rowsOf } from './span-tree.ts'
import type { SpanRow, SpanTree } from './span-tree.ts'
import { durationText } from './time.ts'
import { useVirtual } from './virtual.ts'

type WaterfallProps = {
  readonly tree: SpanTree
  readonly chosen: string
  readonly choose: (id: string) => void
}

const headPx = 30
const none: ReadonlySet<string> = new Set()

/**
 * The spans of a trace over time, as a tree whose branches close. What is searched for is found in closed ones too. The spans on which
 * the duration depends are marked.
 */
export const waterfall = component(function Waterfall({ tree, chosen, choose }: WaterfallProps) {
  const [closed, setClosed] = useState<ReadonlySet<string>>(none)
  const isSearching = useFindText() !== ''
  const rows = useMemo(() => rowsOf(tree, isSearching ? none : closed), [tree, isSearching ? none : closed])
  const active = Math.max(
    0,
    rows.findIndex(({ node }) => node.id === chosen),
  )
  const list = useVirtual(rows, keyOf, { rowPx, headPx, active })
  const matches = useMatches(rows, textOf)
  const moved = useRef(false)

  const goTo = (index: number, focus = false) => {
    const row = rows[Math.max(0, Math.min(index, rows.length - 1))]
    if (row === undefined) return
    moved.current = focus
    choose(row.node.id)
    list.reveal(rows.indexOf(row))
  }
  const toggle = (row: SpanRow, isClosed: boolean) => {
    const next = new Set(closed)
    if (isClosed) next.add(row.node.id)
    else next.delete(row.node.id)
    setClosed(next)
  }
  useFinder(matches, active, rows.length, goTo)
  useLayoutEffect(() => {
    if (!moved.current) return
    moved.current = false
    list.scroller.current
      ?.querySelector<HTMLElement>('[role=row][tabindex="0"]')
      ?.focus({ preventScroll: true })
  })
  const onKeyDown = (event: KeyboardEvent) => {
    const row = rows[active]
    const isArrow = event.key === 'ArrowLeft' || event.key === 'ArrowRight'
    const next = movedBy(event, active, list.pageRows, rows.length)
    if (next !== undefined) goTo(next, true)
    else if (isArrow && row !== undefined && row.node.children.length > 0)
      toggle(row, event.key === 'ArrowLeft')
    else return
    event.preventDefault()
  }
  const foundRows = new Set(matches)
  return div(
    { class: 'grid fall', ref: list.scroller, onScroll: list.onScroll, onKeyDown },
    div(
      {
        class: 'grid-table',
        role: 'treegrid',
        'aria-label': 'Spans',
        'aria-rowcount': rows.length + 1,
        'aria-colcount': 3,
      },
      fallHead(tree),
      div(
        { role: 'rowgroup', class: 'grid-rows fall-rows', style: { height: `${list.heightPx}px` } },
        ...list.indexes.flatMap((index) => {
          const row = rows[index]
          if (row === undefined) return []
          return [
            div(
              {
                key: row.node.id,
                role: 'row',
                class: classes(
                  'grid-row fall-row',
                  row.node.span?.error !== '' && row.node.span !== undefined && 'bad',
                  foundRows.has(index) && 'found',
                  index === active && 'opened',
                ),
                'aria-rowindex': index + 2,
                'aria-level': row.level,
                'aria-expanded': row.node.children.length > 0 ? !row.isClosed : undefined,
                'aria-selected': index === active,
                tabIndex: index === active ? 0 : -1,
                style: { top: `${index * rowPx}px` },
                onClick: () => goTo(index, true),
              },
              ...cellsOf(row, tree, (isClosed) => toggle(row, isClosed)),
            ),
          ]
        }),
      ),
    ),
  )
})

const keyOf = ({ node }: SpanRow): string => node.id

function textOf({ node: { span: found } }: SpanRow): string {
  if (found === undefined) return 'not kept'
  return [
    found.name,
    found.service,
    found.kind,
    found.error,
    found.id,
    ...Object.entries(found.attributes).flat(),
  ].join(' ')
}

function fallHead({ from, to }: SpanTree) {
  return div(
    { role: 'rowgroup', class: 'grid-head' },
    div(
      { role: 'row', class: 'grid-row fall-row', 'aria-rowindex': 1 },
      div({ role: 'columnheader', class: 'grid-cell' }, 'Span'),
      div(
        { role: 'columnheader', class: 'fall-axis' },
        ...[0, 0.25, 0.5, 0.75].map((part) =>
          span({ style: { left: `${part * 100}%` } }, part === 0 ? '0' : durationText((to - from) * part)),
        ),
      ),
      div({ role: 'columnheader', class: 'grid-cell end' }, 'Duration'),
    ),
  )
}

function cellsOf(row: SpanRow, { from, to }: SpanTree, close: (isClosed: boolean) => void) {
  const { node, level, isClosed, isCritical } = row
  const total = Math.max(to - from, 0.001)
  const found = node.span
  return [
    div(
      {
        role: 'gridcell',
        class: 'grid-cell fall-name',
        style: { paddingLeft: `${(Math.min(level, 24) - 1) * 14 + 4}px` },
      },
      node.children.length > 0
        ? button(
            {
              type: 'button',
              class: 'plain fold',
              tabIndex: -1,
              'aria-label': `${isClosed ? 'Open' : 'Close'} the ${node.children.length} below`,
              onClick: (event) => {
                event.stopPropagation()
                close(!isClosed)
              },
            },
            isClosed ? '▸' : '▾',
          )
        : span({ class: 'fold' }),
      found === undefined
        ? span({ class: 'quiet' }, 'Not kept')
        : [
            found.error !== '' && span({ class: 'tag error' }, found.error),
            span({ class: 'mono fall-text' }, found.name),
            serviceName(found.service),
          ],
    ),
    div(
      { role: 'gridcell', class: 'fall-track' },
      div({
        class: classes(
          'fall-bar',
          found === undefined ? 'gap' : serviceColor(found.service),
          isCritical && 'critical',
        ),
        title: isCritical ? 'On the critical path' : undefined,
        style: {
          left: `${((node.at - from) / total) * 100}%`,
          width: `${((node.endAt - node.at) / total) * 100}%`,
        },
      }),
    ),
    div(
      { role: 'gridcell', class: 'grid-cell end mono' },
      found === undefined ? '–' : durationText(found.durationMs),
    ),
  ]
}
