import { drawPanels } from '../line-chart.ts'
import { formatTable } from '../table.ts'
import { figures } from './run-soak.ts'
import type { Figure, SoakReport } from './run-soak.ts'

const titles: Record<Figure, string> = {
  rssMb: 'resident memory, MB',
  descriptors: 'descriptors',
  rps: 'requests per second',
  p50Ms: 'p50, ms',
  p99Ms: 'p99, ms',
}

export function formatSoak({ machine, slices, trends }: SoakReport): string {
  const lines = figures.map((figure) => {
    const { change, low, high, verdict } = trends[figure]
    const [first, last] = [slices[0], slices.at(-1)].map((slice) => slice?.[figure].toFixed(1) ?? '-')
    return [
      titles[figure],
      first ?? '',
      last ?? '',
      percent(change),
      `${percent(low)} to ${percent(high)}`,
      verdict,
    ]
  })
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.node}, ${machine.generator}`,
    `${slices.at(-1)?.seconds.toFixed(0)} s in ${slices.length} slices, ${slices.reduce((sum, { errors }) => sum + errors, 0)} errors`,
    '',
    ...formatTable([['', 'first', 'last', 'change', '95 % interval', 'verdict'], ...lines], [0, 5]),
  ].join('\n')
}

/** Whether neither memory nor descriptors grow; latency depends on what else the machine does, and is reported. */
export function isSteady({ trends, slices }: SoakReport): boolean {
  const grows = (['rssMb', 'descriptors'] as const).some((figure) => trends[figure].verdict === 'grows')
  return !grows && slices.every(({ errors }) => errors === 0)
}

export function drawSoak({ machine, slices }: SoakReport): string {
  return drawPanels({
    title: 'Gateway and guid under load, over time',
    subtitle: `${machine.cpu}, ${machine.node}, ${machine.date.slice(0, 10)}`,
    formatX: (seconds) => `${(seconds / 60).toFixed(1)} min`,
    panels: figures.map((figure) => ({
      title: titles[figure],
      lines: [{ name: '', points: slices.map((slice) => ({ x: slice.seconds, y: slice[figure] })) }],
    })),
  })
}

function percent(share: number): string {
  return `${share >= 0 ? '+' : ''}${(share * 100).toFixed(1)} %`
}
