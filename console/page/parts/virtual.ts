import type { RefObject } from 'preact'
import { useCallback, useLayoutEffect, useRef, useState } from 'preact/hooks'

/** Rows beyond each end of what is visible, so that a quick scroll shows no gap. */
const overscan = 6

type VirtualList = {
  readonly scroller: RefObject<HTMLDivElement | null>
  /** The indexes of the rows to render, in order: those in view, and the active one. */
  readonly indexes: readonly number[]
  readonly heightPx: number
  readonly pageRows: number
  readonly onScroll: () => void
  /** Scrolls no further than that the row is in view. */
  readonly reveal: (index: number) => void
}

/**
 * Which rows of a long list are in the document. All have one height. `headPx` is what stands above the first one inside the scroller and
 * stays there. When rows are added above what is read, the list scrolls along; `keyOf` says which row is which.
 */
export function useVirtual<Row>(
  rows: readonly Row[],
  keyOf: (row: Row) => string | number,
  { rowPx, headPx, active }: { readonly rowPx: number; readonly headPx: number; readonly active: number },
): VirtualList {
  const scroller = useRef<HTMLDivElement>(null)
  const [view, setView] = useState({ top: 0, height: 600 })
  const topPx = useRef(0)
  const measure = useCallback(() => {
    const element = scroller.current
    if (element === null) return
    const [top, height] = [element.scrollTop, element.clientHeight - headPx]
    topPx.current = top
    setView((old) => {
      const isSame = Math.floor(old.top / rowPx) === Math.floor(top / rowPx) && old.height === height
      return isSame ? old : { top, height }
    })
  }, [rowPx, headPx])

  useLayoutEffect(() => {
    const element = scroller.current
    if (element === null) return
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    measure()
    return () => observer.disconnect()
  }, [measure])
  useAnchor({ scroller, topPx, rows, keyOf, rowPx })

  const reveal = useCallback(
    (index: number) => {
      const element = scroller.current
      if (element === null) return
      const visible = element.clientHeight - headPx
      if (index * rowPx < element.scrollTop) element.scrollTop = index * rowPx
      else if ((index + 1) * rowPx > element.scrollTop + visible)
        element.scrollTop = (index + 1) * rowPx - visible
      measure()
    },
    [rowPx, headPx, measure],
  )

  const first = Math.max(0, Math.floor(view.top / rowPx) - overscan)
  const last = Math.min(rows.length, Math.ceil((view.top + view.height) / rowPx) + overscan)
  const indexes = Array.from({ length: Math.max(0, last - first) }, (_, i) => first + i)
  if (active >= 0 && active < first) indexes.unshift(active)
  if (active >= last && active < rows.length) indexes.push(active)
  const pageRows = Math.max(1, Math.floor(view.height / rowPx) - 1)
  return { scroller, indexes, heightPx: rows.length * rowPx, pageRows, onScroll: measure, reveal }
}

type Anchored<Row> = {
  readonly scroller: RefObject<HTMLDivElement | null>
  /** How far it was scrolled: to read it from the document takes a layout. */
  readonly topPx: RefObject<number>
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string | number
  readonly rowPx: number
}

/** Keeps what is read where it is while rows are added above it; at the top the newest are shown. */
function useAnchor<Row>({ scroller, topPx, rows, keyOf, rowPx }: Anchored<Row>): void {
  const firstKey = useRef<string | number | undefined>(undefined)
  useLayoutEffect(() => {
    const element = scroller.current
    const first = rows[0]
    const before = firstKey.current
    firstKey.current = first === undefined ? undefined : keyOf(first)
    if (element === null || before === undefined || before === firstKey.current) return
    if (topPx.current < rowPx) return
    const added = rows.findIndex((row) => keyOf(row) === before)
    if (added <= 0) return
    topPx.current += added * rowPx
    element.scrollTop = topPx.current
  }, [rows])
}
