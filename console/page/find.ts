import { useEffect, useMemo } from 'preact/hooks'
import { setQuery, useRoute } from './router.ts'
import { createStore } from './store.ts'

/** How many rows of the page's list match what is in the search box; undefined where the page has no list. */
export const found = createStore<
  { readonly count: number; readonly position: number; readonly of: number } | undefined
>(undefined)

type Step = (direction: -1 | 1) => void
let step: Step | undefined

/** Goes to the next match, or the one before it. */
export const stepFind = (direction: -1 | 1): void => step?.(direction)

export const setFind = (text: string): void => setQuery({ find: text }, { replace: true })
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
