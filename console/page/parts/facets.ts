import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { button, classes, component, div, h2, section, span } from '../elements.ts'
import { setQuery, useRoute } from '../router.ts'
import { shortCount } from './time.ts'

type FacetProps = {
  /** The parameter of the address. */
  readonly name: string
  readonly title: string
  /** The values with their numbers; a number is left out where nobody has counted. */
  readonly values: readonly (readonly [value: string, count: number | undefined])[]
}

const shownFirst = 8

/** The values of a filter, one of which may be chosen; choosing it again takes it back. */
export const facet = component(function Facet({ name, title, values }: FacetProps) {
  const chosen = useRoute().query.get(name) ?? ''
  const [isWhole, setWhole] = useState(false)
  const known = values.some(([value]) => value === chosen)
  const all = chosen === '' || known ? values : [[chosen, undefined] as const, ...values]
  const shown = isWhole ? all : all.filter(([value], index) => index < shownFirst || value === chosen)
  return section(
    { class: 'facet' },
    h2({}, title),
    div(
      { role: 'group', 'aria-label': title },
      ...shown.map(([value, count]) =>
        button(
          {
            key: value,
            type: 'button',
            class: 'facet-value',
            'aria-pressed': value === chosen,
            title: value,
            onClick: () => setQuery({ [name]: value === chosen ? undefined : value }),
          },
          span({ class: 'facet-name' }, value),
          count !== undefined && span({ class: 'facet-count' }, shortCount(count)),
        ),
      ),
    ),
    all.length > shownFirst &&
      button(
        { type: 'button', class: 'plain facet-more', onClick: () => setWhole(!isWhole) },
        isWhole ? 'Fewer' : `All ${all.length}`,
      ),
  )
})

/** What filters a page: beside it, and on a narrow screen above it, behind a button. */
export const filterPanel = component(function FilterPanel({
  children,
}: {
  readonly children?: ComponentChildren
}) {
  const [isOpen, setOpen] = useState(false)
  return section(
    { class: classes('side', isOpen && 'open'), 'aria-label': 'Filters' },
    button(
      { type: 'button', class: 'side-toggle', 'aria-expanded': isOpen, onClick: () => setOpen(!isOpen) },
      'Filters',
    ),
    div({ class: 'side-body' }, children),
  )
})

/** The entries of a record, the most frequent first. */
export function byCount(record: Readonly<Record<string, number>>): (readonly [string, number])[] {
  return Object.entries(record).toSorted(
    ([one, count], [other, otherCount]) => otherCount - count || one.localeCompare(other),
  )
}
