import { chartNamed, promqlOf } from '@quintet/console/charts'
import type { Chart } from '@quintet/console/charts'

/** A chart of the console, by its name. */
export function chart(name: string): Chart {
  const found = chartNamed(name)
  if (found === undefined) throw new Error(`There is no chart ${name}.`)
  return found
}

/** The query of a chart, over a range of time where it has one. */
export function query(name: string, range?: string): string {
  return promqlOf(chart(name), range)
}
