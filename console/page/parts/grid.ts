import { h } from 'preact'
import type { ComponentChildren, VNode } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { button, classes, div, span } from '../elements.ts'
import { useFinder, useMatches } from '../find.ts'
import { useVirtual } from './virtual.ts'

export type Column<Row> = {
  readonly key: string
  readonly title: string
  /** As in `grid-template-columns`, such as `8rem` or `minmax(12rem, 1fr)`. */
  readonly width: string
  readonly cell: (row: Row) => ComponentChildren
  /** Numbers stand at the end. */
  readonly align?: 'end'
  /** Whether a click on the title sorts by it. */
  readonly sorts?: boolean
}

export type Sort = { readonly by: string; readonly isDescending: boolean }

type GridProps<Row extends object> = {
  readonly label: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string | number
  /** What the search box looks through. */
  readonly textOf: (row: Row) => string
  /** Enter, or a click. */
  readonly open?: (row: Row) => void
  readonly openKey?: string | number
  readonly toneOf?: (row: Row) => 'bad' | 'warn' | undefined
  readonly sort?: Sort
  readonly onSort?: (sort: Sort) => void
  /** Called when the end comes near, to load more. */
  readonly nearEnd?: () => void
  /** Where several lists are on a page, all but one leave the search box to that one. */
  readonly isFound?: boolean
}

export const rowPx = 28
const headPx = 30
const none: readonly never[] = []
/** How many rows before the end more are loaded. */
const nearRows = 50

/** A list of any length of which some 40 rows are in the document: one stop of the Tab key, the arrow keys move in it. */
export function grid<Row extends object>(props: GridProps<Row>): VNode<GridProps<Row>> {
  return h<GridProps<Row>>(Grid<Row>, props)
}

function Grid<Row extends object>(props: GridProps<Row>) {
  const { label, columns, rows, keyOf, isFound = true } = props
  const { active, activeIndex, setActive } = useActive(rows, keyOf)
  const list = useVirtual(rows, keyOf, { rowPx, headPx, active: activeIndex })
  const matches = useMatches(isFound ? rows : none, props.textOf)
  const moved = useRef(false)
  const last = list.indexes.at(-1) ?? 0

  const goTo = (index: number, { focus = false } = {}) => {
    const row = rows[Math.max(0, Math.min(index, rows.length - 1))]
    if (row === undefined) return
    moved.current = focus
    setActive(keyOf(row))
    list.reveal(rows.indexOf(row))
  }
  useFinder(matches, activeIndex, rows.length, goTo, isFound)
  useEffect(() => {
    if (rows.length > 0 && last >= rows.length - nearRows) props.nearEnd?.()
  }, [last, rows.length])
  // Before the next key, so that it finds the focus where it is.
  useLayoutEffect(() => {
    if (!moved.current) return
    moved.current = false
    list.scroller.current
      ?.querySelector<HTMLElement>('[role=row][tabindex="0"]')
      ?.focus({ preventScroll: true })
  })

  const onKeyDown = (event: KeyboardEvent) => {
    const row = rows[activeIndex]
    if (event.key === 'Enter' && row !== undefined && isRow(event.target)) props.open?.(row)
    else {
      const next = movedBy(event, activeIndex, list.pageRows, rows.length)
      if (next === undefined) return
      goTo(next, { focus: true })
    }
    event.preventDefault()
  }
  const template = columns.map(({ width }) => width).join(' ')
  const foundRows = new Set(matches)
  return div(
    { class: 'grid', ref: list.scroller, onScroll: list.onScroll, onKeyDown },
    div(
      {
        class: 'grid-table',
        role: 'grid',
        'aria-label': label,
        'aria-rowcount': rows.length + 1,
        'aria-colcount': columns.length,
      },
      headRow(props, template),
      div(
        { role: 'rowgroup', class: 'grid-rows', style: { height: `${list.heightPx}px` } },
        ...list.indexes.flatMap((index) => {
          const row = rows[index]
          if (row === undefined) return []
          const key = keyOf(row)
          const isActive = key === active || (activeIndex === 0 && index === 0)
          return [
            div(
              {
                key,
                role: 'row',
                class: classes(
                  'grid-row',
                  props.toneOf?.(row),
                  foundRows.has(index) && 'found',
                  isActive && 'active',
                  key === props.openKey && 'opened',
                ),
                'aria-rowindex': index + 2,
                'aria-selected': props.openKey === undefined ? undefined : key === props.openKey,
                tabIndex: isActive ? 0 : -1,
                style: { top: `${index * rowPx}px`, gridTemplateColumns: template },
                onClick: (event) => {
                  setActive(key)
                  if (!isControl(event.target)) props.open?.(row)
                },
                onFocus: () => setActive(key),
              },
              ...columns.map((column) =>
                div({ role: 'gridcell', class: classes('grid-cell', column.align) }, column.cell(row)),
              ),
            ),
          ]
        }),
      ),
    ),
  )
}

/** The row that the Tab key reaches, by its key, so that it stays the same one when rows are added. */
function useActive<Row>(rows: readonly Row[], keyOf: (row: Row) => string | number) {
  const [active, setActive] = useState<string | number | undefined>(undefined)
  const index = active === undefined ? 0 : rows.findIndex((row) => keyOf(row) === active)
  return { active, activeIndex: Math.max(0, index), setActive }
}

function headRow<Row extends object>({ columns, sort, onSort }: GridProps<Row>, template: string) {
  return div(
    { role: 'rowgroup', class: 'grid-head' },
    div(
      { role: 'row', class: 'grid-row', 'aria-rowindex': 1, style: { gridTemplateColumns: template } },
      ...columns.map((column) => {
        const isSorted = sort?.by === column.key
        const direction = sort?.isDescending ? 'descending' : 'ascending'
        return div(
          {
            role: 'columnheader',
            class: classes('grid-cell', column.align),
            'aria-sort': column.sorts ? (isSorted ? direction : 'none') : undefined,
          },
          column.sorts && onSort !== undefined
            ? button(
                {
                  type: 'button',
                  class: 'plain sorter',
                  onClick: () =>
                    onSort({ by: column.key, isDescending: isSorted ? !sort?.isDescending : true }),
                },
                column.title,
                span({ 'aria-hidden': 'true' }, isSorted ? (sort?.isDescending ? ' ↓' : ' ↑') : ''),
              )
            : column.title,
        )
      }),
    ),
  )
}

/** The index to which a key moves; undefined for other keys. */
export function movedBy(
  event: KeyboardEvent,
  index: number,
  pageRows: number,
  count: number,
): number | undefined {
  if (event.ctrlKey || event.metaKey || event.altKey || !isRow(event.target)) return undefined
  switch (event.key) {
    case 'ArrowDown':
    case 'j':
      return index + 1
    case 'ArrowUp':
    case 'k':
      return index - 1
    case 'PageDown':
      return index + pageRows
    case 'PageUp':
      return index - pageRows
    case 'Home':
      return 0
    case 'End':
      return count - 1
  }
  return undefined
}

function isRow(target: EventTarget | null): boolean {
  return target instanceof Element && target.getAttribute('role') === 'row'
}

function isControl(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('a, button, input') !== null
}
