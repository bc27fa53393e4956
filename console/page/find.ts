import { useEffect, useMemo, useRef } from 'preact/hooks'
import { a, button, component, div, form, input, kbd, label, li, span, ul } from './elements.ts'
import { onKey } from './keys.ts'
import { icon } from './parts/icons.ts'
import { counted, countText } from './parts/time.ts'
import { addressOf, go, setQuery, useRoute } from './router.ts'
import { createStore, useStore } from './store.ts'

/** How many rows of the page's list match what is in the search box; undefined where the page has no list. */
const found = createStore<
  { readonly count: number; readonly position: number; readonly of: number } | undefined
>(undefined)

type Step = (direction: -1 | 1) => void
let step: Step | undefined

/** Goes to the next match, or the one before it. */
const stepFind = (direction: -1 | 1): void => step?.(direction)

const setFind = (text: string): void => setQuery({ find: text }, { replace: true })
export const useFindText = (): string => useRoute().query.get('find') ?? ''

const texts = new WeakMap<object, string>()

/** The text of a row in lower case; rows do not change, so that each is made into text once. */
function lowerText<Row extends object>(row: Row, textOf: (row: Row) => string): string {
  const known = texts.get(row)
  if (known !== undefined) return known
  const text = textOf(row).toLowerCase()
  texts.set(row, text)
  return text
}

/** The indexes of all rows that have every word of what is in the search box, in order. */
export function useMatches<Row extends object>(
  rows: readonly Row[],
  textOf: (row: Row) => string,
): readonly number[] {
  const text = useFindText().trim().toLowerCase()
  return useMemo(() => {
    if (text === '') return []
    const words = text.split(/\s+/)
    return rows.flatMap((row, index) => {
      const line = lowerText(row, textOf)
      return words.every((word) => line.includes(word)) ? [index] : []
    })
  }, [rows, text])
}

/** Lets the search box walk through the matches of this list. */
export function useFinder(
  matches: readonly number[],
  active: number,
  of: number,
  goTo: (index: number) => void,
  isOn = true,
): void {
  const position = matches.indexOf(active)
  useEffect(() => {
    if (!isOn) return
    const before = found.get()
    if (before?.count !== matches.length || before.position !== position || before.of !== of)
      found.set({ count: matches.length, position, of })
    step = (direction) => {
      const next =
        direction > 0
          ? (matches.find((index) => index > active) ?? matches[0])
          : (matches.findLast((index) => index < active) ?? matches.at(-1))
      if (next !== undefined) goTo(next)
    }
  })
  useEffect(() => {
    if (!isOn) return
    return () => {
      found.set(undefined)
      step = undefined
    }
  }, [isOn])
}

type Place = { readonly text: string; readonly address: string }

/**
 * One box: what is in it is found among all rows of the page's list, those outside of the view too, and everywhere else by the links below
 * it. Enter goes to the next match, and where the page has none to the first of the links.
 */
export const search = component(function Search() {
  const text = useFindText()
  const { path } = useRoute()
  const list = useStore(found)
  const box = useRef<HTMLInputElement>(null)
  useEffect(
    () =>
      onKey('/', () => {
        box.current?.focus()
        box.current?.select()
      }),
    [],
  )
  const places = placesOf(text.trim(), path)
  const hasMatches = list !== undefined && list.count > 0
  const submit = (isBack: boolean) => {
    const place = places[0]
    if (hasMatches) stepFind(isBack ? -1 : 1)
    else if (place !== undefined) go(place.address)
  }
  return form(
    {
      class: 'search',
      role: 'search',
      onSubmit: (event) => {
        event.preventDefault()
        submit(false)
      },
    },
    label({ for: 'search', class: 'hidden' }, 'Find in this list, or anywhere'),
    icon('search'),
    input({
      id: 'search',
      ref: box,
      type: 'search',
      value: text,
      placeholder: 'Find words or an id',
      autocomplete: 'off',
      spellcheck: false,
      'aria-describedby': 'search-result',
      onInput: (event) => setFind(event.currentTarget.value),
      onKeyDown: (event) => {
        if (event.key === 'Escape') {
          setFind('')
          box.current?.blur()
        }
        if (event.key === 'Enter' && event.shiftKey) {
          event.preventDefault()
          submit(true)
        }
      },
    }),
    text === '' && kbd({ 'aria-hidden': 'true' }, '/'),
    text !== '' &&
      div(
        { class: 'search-result' },
        list !== undefined &&
          div(
            { class: 'search-here' },
            span(
              { id: 'search-result', role: 'status' },
              `${list.position >= 0 && hasMatches ? `${countText(list.position + 1)} of ` : ''}${counted(list.count, 'match', 'matches')} in ${counted(list.of, 'row')}`,
            ),
            button({ type: 'button', disabled: !hasMatches, onClick: () => stepFind(-1) }, 'Previous'),
            button({ type: 'button', disabled: !hasMatches, onClick: () => stepFind(1) }, 'Next'),
          ),
        ul({}, ...places.map((place) => li({ key: place.text }, a({ href: place.address }, place.text)))),
      ),
  )
})

const traceId = /^[0-9a-f]{32}$/
const guid = /^[0-9A-Fa-f]{32}$/

/** Where else it may be, the likeliest first: an id where it has the form of one, then words where the reader is. */
function placesOf(text: string, path: string): Place[] {
  if (text === '') return []
  const places: Place[] = []
  if (traceId.test(text))
    places.push({ text: 'The trace with this id', address: addressOf(`/traces/${text}`) })
  if (guid.test(text))
    places.push({ text: 'The GUID', address: addressOf('/data/guid/guids', { guid: text.toUpperCase() }) })
  const traces = { text: 'All kept traces', address: addressOf('/traces', { words: text }) }
  const logs = { text: 'All kept lines of the log', address: addressOf('/logs', { words: text }) }
  places.push(...(path === '/logs' ? [logs, traces] : [traces, logs]))
  return places
}
