import type { VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { asCallError, fetchText } from '../api.ts'
import type { CallError } from '../api.ts'
import {
  a,
  button,
  code,
  component,
  div,
  form,
  input,
  label,
  nav,
  p,
  pre,
  span,
  pageHead,
} from '../elements.ts'
import type { PageProps } from '../pages.ts'
import { cellText, filtersOf, nextOf, pathOfRow, rowsOf } from '../parts/collection.ts'
import type { Collection, Row } from '../parts/collection.ts'
import { copyButton } from '../parts/copy-button.ts'
import { dialog } from '../parts/dialog.ts'
import { grid } from '../parts/grid.ts'
import { withoutApi } from '../parts/kept-inside.ts'
import { count } from '../parts/quantity.ts'
import { indented } from '../parts/queue-messages.ts'
import { empty, failure, loading } from '../parts/states.ts'
import { addressOf, setQuery, useRoute } from '../router.ts'
import { session } from '../session.ts'
import { useStore } from '../store.ts'

const pageSize = 100
const columnsMax = 8

export function Page({ params }: PageProps) {
  const current = useStore(session)
  const collections = current?.collections ?? []
  const collection =
    collections.find(({ service, name }) => service === params.service && name === params.collection) ??
    (params.collection === undefined ? collections[0] : undefined)
  return div(
    { class: 'page' },
    pageHead('Data', tabs(collections, collection)),
    p(
      { class: 'quiet lead' },
      'What the services hold, read through their own API: nothing here writes past their rules. Passwords and private keys are not in the API, so not here.',
    ),
    collection === undefined
      ? empty('No such collection', p({}, 'Choose one of those above.'))
      : list({
          key: `${collection.service} ${collection.name}`,
          collection,
          docsUrl: current?.docsUrl ?? '',
        }),
    withoutApi({}),
  )
}

function tabs(collections: readonly Collection[], current: Collection | undefined): VNode {
  return nav(
    { class: 'page-tabs', 'aria-label': 'Collections' },
    ...collections.map((one) =>
      a(
        {
          key: `${one.service} ${one.name}`,
          href: addressOf(`/data/${one.service}/${one.name}`),
          'aria-current': one === current ? 'page' : undefined,
          title: `of ${one.service}`,
        },
        one.title,
      ),
    ),
  )
}

type Loaded = { readonly rows: readonly Row[]; readonly next: string | undefined }

function useRows(path: string, query: string) {
  const [loaded, setLoaded] = useState<Loaded>()
  const [error, setError] = useState<CallError>()
  const [isLoading, setLoading] = useState(true)
  const [round, setRound] = useState(0)
  async function load(search: string, before: readonly Row[], signal?: AbortSignal): Promise<void> {
    setLoading(true)
    try {
      const { text, headers } = await fetchText(`/api/data${path}${search}`, signal)
      setLoaded({ rows: [...before, ...rowsOf(text)], next: nextOf(headers) })
      setError(undefined)
    } catch (fault) {
      if (signal?.aborted) return
      setError(asCallError(fault))
    }
    setLoading(false)
  }
  useEffect(() => {
    const stop = new AbortController()
    setLoaded(undefined)
    load(query, [], stop.signal)
    return () => stop.abort()
  }, [path, query, round])
  return {
    loaded,
    error,
    isLoading,
    reload: () => setRound((old) => old + 1),
    more: () => {
      if (loaded?.next !== undefined && !isLoading) load(loaded.next, loaded.rows)
    },
  }
}

type ListProps = { readonly collection: Collection; readonly docsUrl: string }

const list = component(function List({ collection, docsUrl }: ListProps) {
  const { query } = useRoute()
  const filters = filtersOf(collection)
  const search = new URLSearchParams({ limit: String(pageSize) })
  for (const name of filters) {
    const value = query.get(name)
    if (value !== null && value !== '') search.set(name, value)
  }
  const { loaded, error, isLoading, reload, more } = useRows(collection.path, `?${search}`)
  const [open, setOpen] = useState<Row>()
  const rows = loaded?.rows ?? []
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))].slice(0, columnsMax)
  return div(
    { class: 'content' },
    filterForm(filters, query, docsUrl),
    error !== undefined
      ? failure(error, reload)
      : loaded === undefined
        ? loading(collection.title)
        : rows.length === 0
          ? empty(
              'Nothing here',
              p({}, search.size > 1 ? 'Nothing matches these filters.' : `${collection.service} holds none.`),
            )
          : grid({
              label: collection.title,
              columns: names.map((name, index) => ({
                key: name,
                title: name,
                width: index === 0 ? 'minmax(8rem, 1.4fr)' : 'minmax(7rem, 1fr)',
                cell: (row: Row) => span({ title: cellText(row[name]) }, cellText(row[name])),
              })),
              rows,
              keyOf: (row) => pathOfRow(collection, row) ?? JSON.stringify(row),
              textOf: (row) => JSON.stringify(row),
              open: setOpen,
              nearEnd: more,
            }),
    loaded !== undefined &&
      p(
        { class: 'quiet', role: 'status' },
        loaded.next === undefined
          ? `All ${count(rows.length)} are shown.`
          : `The first ${count(rows.length)} are shown; more come when you scroll.`,
        isLoading && ' Loading …',
      ),
    open !== undefined && rowDialog({ collection, row: open, docsUrl, close: () => setOpen(undefined) }),
  )
})

function filterForm(filters: readonly string[], query: URLSearchParams, docsUrl: string): VNode {
  return form(
    {
      class: 'toolbar',
      onSubmit: (event) => {
        event.preventDefault()
        const fields = new FormData(event.currentTarget)
        setQuery(Object.fromEntries(filters.map((name) => [name, String(fields.get(name) ?? '')])))
      },
    },
    ...filters.map((name) =>
      label(
        { key: name, class: 'choice' },
        span({}, name),
        input({ name, type: 'text', value: query.get(name) ?? '' }),
      ),
    ),
    filters.length > 0 && button({ type: 'submit' }, 'Filter'),
    docsUrl !== '' && a({ href: docsUrl }, 'API documentation'),
  )
}

/** A row as the API responds with it alone, with its version. */
const rowDialog = component(function RowDialog(
  props: ListProps & { readonly row: Row; readonly close: () => void },
) {
  const { collection, row, docsUrl, close } = props
  const path = pathOfRow(collection, row)
  const [found, setFound] = useState<{ readonly text: string; readonly etag: string }>()
  const [error, setError] = useState<CallError>()
  useEffect(() => {
    if (path === undefined) return
    const stop = new AbortController()
    fetchText(`/api/data${path}`, stop.signal).then(
      ({ text, headers }) => setFound({ text, etag: headers.get('ETag') ?? '' }),
      (fault: unknown) => {
        if (!stop.signal.aborted) setError(asCallError(fault))
      },
    )
    return () => stop.abort()
  }, [path])
  const address = path === undefined || docsUrl === '' ? '' : new URL(path, docsUrl).href
  return dialog(
    { title: path ?? collection.title, close },
    error !== undefined && p({ class: 'fault', role: 'alert' }, error.message),
    found !== undefined && found.etag !== '' && p({}, 'ETag ', code({}, found.etag)),
    pre({ class: 'body', tabIndex: 0, 'aria-label': 'Body' }, indented(found?.text ?? JSON.stringify(row))),
    address !== '' &&
      div(
        { class: 'dialog-actions' },
        copyButton({ text: `curl '${address}'`, what: 'The command', title: 'Copy as curl' }),
      ),
  )
})
