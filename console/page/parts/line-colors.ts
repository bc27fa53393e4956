import { serviceColor } from './service-name.ts'

const colors = 8

/** The colour of each line: that of its service on all pages, unless another line of the chart has it. */
export function lineColors(labels: readonly string[]): readonly string[] {
  const taken = new Set<string>()
  return labels.map((label, index) => {
    const wanted = serviceColor(label)
    const free = Array.from({ length: colors }, (_, next) => `service-${(index + next) % colors}`)
    const found = taken.has(wanted) ? (free.find((color) => !taken.has(color)) ?? wanted) : wanted
    taken.add(found)
    return found
  })
}
