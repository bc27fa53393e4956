import { useGet } from '../api.ts'
import { a, component, h2, p, section } from '../elements.ts'
import { addressOf } from '../router.ts'
import { useTimeSpan } from '../time-span.ts'
import { factList } from './fact-list.ts'
import type { Fact } from './fact-list.ts'
import { quantity } from './quantity.ts'

/** The charts whose last values say what services hold that no API shows. */
const chartNames = ['outbox-rows', 'outbox-oldest', 'cache-entries', 'cache-hits'] as const

const recentMs = 120_000

/** What has no API: the outbox, its age, and the cache. */
export const withoutApi = component(function WithoutApi() {
  const lists = [
    useLast(chartNames[0]),
    useLast(chartNames[1]),
    useLast(chartNames[2]),
    useLast(chartNames[3]),
  ]
  const facts = lists.flat()
  return section(
    { 'aria-labelledby': 'inside' },
    h2({ id: 'inside' }, 'What has no API'),
    facts.length === 0
      ? p({ class: 'quiet' }, 'There are no metrics of it yet.')
      : [
          factList(facts),
          p(
            { class: 'quiet' },
            'The last values of ',
            a({ href: addressOf('/charts', { group: 'Commits and cache' }) }, 'the charts'),
            '.',
          ),
        ],
  )
})

function useLast(name: (typeof chartNames)[number]): Fact[] {
  const { to } = useTimeSpan()
  const charts = useGet('/api/charts')
  const summary = charts.data?.data.find((chart) => chart.name === name)
  const { data } = useGet('/api/series', {
    query: { name, from: Math.round(to) - recentMs, to: Math.round(to), step: 10 },
    skip: summary === undefined,
  })
  if (summary === undefined || data === undefined) return []
  return data.lines.flatMap(({ label, values }) => {
    const last = values.findLast((value) => value !== null)
    return last === undefined || last === null
      ? []
      : [{ name: `${summary.title}: ${label}`, value: quantity(last, summary.unit) }]
  })
}
