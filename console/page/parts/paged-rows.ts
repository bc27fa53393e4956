import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { asCallError } from '../api.ts'
import type { CallError } from '../api.ts'
import { useFindText } from '../find.ts'
import { liveStreams } from '../live.ts'
import { useStore } from '../store.ts'

type PageOf<Row> = { readonly data: readonly Row[]; readonly next: string | null }
type Cursor = { readonly limit: number; readonly cursor: string | undefined }

type PagedRows<Row> = {
  readonly rows: readonly Row[]
  readonly isLoading: boolean
  readonly error: CallError | undefined
  /** Whether there are more to load. */
  readonly hasMore: boolean
  readonly loadMore: () => void
  readonly reload: () => void
  /** Puts rows that came by themselves among those that are there. */
  readonly add: (rows: readonly Row[]) => void
}

const firstRows = 200
const furtherRows = 1_000
/** What a page of the browser holds; the oldest go where newer ones come. */
const rowsMax = 10_000

/**
 * The rows of a list of the server, a page at a time. They are loaded anew when `key` changes. `compare` is their order, by which rows of
 * the stream are put among them; a row that comes again replaces the one of the same id.
 */
export function usePagedRows<Row extends { readonly id: string | number }>(
  key: string,
  load: (page: Cursor, signal: AbortSignal) => Promise<PageOf<Row>>,
  compare: (one: Row, other: Row) => number,
): PagedRows<Row> {
  const [rows, setRows] = useState<readonly Row[]>([])
  const [cursor, setCursor] = useState<string | null>(null)
  const [isLoading, setLoading] = useState(true)
  const [error, setError] = useState<CallError | undefined>(undefined)
  const [round, setRound] = useState(0)
  const latest = useRef({ load, compare })
  latest.current = { load, compare }
  const current = useRef(new AbortController())
  const asked = useRef<string | undefined>(undefined)
  /** The key of the rows that are there. */
  const shown = useRef<string | undefined>(undefined)
  /** What has come by itself since the key changed, until its first rows are there. */
  const added = useRef<Row[] | undefined>(undefined)

  const call = useCallback(
    (page: Cursor, merge: (old: readonly Row[], found: readonly Row[]) => readonly Row[]) => {
      const { signal } = current.current
      setLoading(true)
      latest.current.load(page, signal).then(
        ({ data, next }) => {
          if (signal.aborted) return
          setRows((old) => merge(old, data))
          setCursor(next)
          setError(undefined)
          setLoading(false)
        },
        (fault: unknown) => {
          if (signal.aborted) return
          setError(asCallError(fault))
          setLoading(false)
        },
      )
    },
    [],
  )
  useEffect(() => {
    current.current = new AbortController()
    if (asked.current !== key) added.current = []
    asked.current = key
    call({ limit: firstRows, cursor: undefined }, (old, found) => {
      // What came by itself may be newer than the response.
      const others = shown.current === key ? old : (added.current ?? [])
      shown.current = key
      added.current = undefined
      return merged(others, found, latest.current.compare)
    })
    return () => current.current.abort()
  }, [key, round])

  const hasMore = cursor !== null && rows.length < rowsMax
  const loadMore = () => {
    if (isLoading || cursor === null || rows.length >= rowsMax) return
    call({ limit: furtherRows, cursor }, (old, found) => merged(old, found, latest.current.compare))
  }
  // What is searched for is found in all rows, so all are loaded.
  const isSearching = useFindText() !== ''
  useEffect(() => {
    if (isSearching && hasMore && error === undefined) loadMore()
  }, [isSearching, hasMore, isLoading])
  const add = useCallback((found: readonly Row[]) => {
    added.current?.push(...found)
    if (found.length > 0) setRows((old) => merged(old, found, latest.current.compare))
  }, [])
  const reload = useCallback(() => setRound((old) => old + 1), [])
  return { rows, isLoading, error, hasMore, loadMore, reload, add }
}

/** Loads the list anew after a time in which nothing was added to it: a pause, or that between two streams. */
export function useReloadAfterGap(isLive: boolean, reload: () => void): void {
  const streams = useStore(liveStreams)
  const seen = useRef({ isLive, streams })
  useEffect(() => {
    const before = seen.current
    if (isLive && (!before.isLive || before.streams !== streams)) reload()
    seen.current = { isLive, streams }
  }, [isLive, streams])
}

function merged<Row extends { readonly id: string | number }>(
  old: readonly Row[],
  found: readonly Row[],
  compare: (one: Row, other: Row) => number,
): readonly Row[] {
  const ids = new Set(found.map(({ id }) => id))
  return [...found, ...old.filter(({ id }) => !ids.has(id))].toSorted(compare).slice(0, rowsMax)
}
