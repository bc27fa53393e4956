import type { Chart } from '@quintet/console/charts'

/** What a panel shows: one query, with a line for each of its series. */
export type PanelOptions = {
  /** Lines over time, unless it is the newest value of each. */
  readonly kind?: 'stat'
  readonly title: string
  readonly description: string
  readonly unit: Chart['unit']
  readonly expr: string
  readonly legend: string
  /** Whether single requests are marked, which open their traces. */
  readonly hasExemplars?: boolean
}

const units: Readonly<Record<Chart['unit'], string>> = {
  'per second': 'cps',
  seconds: 's',
  share: 'percentunit',
  bytes: 'bytes',
  count: 'short',
}

const width = 12
const height = 8
const rowHeight = 1
const columns = 24 / width

/** The panels of sections below each other, two side by side, each section under its title. */
export function panelRows(
  sections: readonly { readonly title: string; readonly panels: readonly PanelOptions[] }[],
): object[] {
  let [id, y] = [0, 0]
  return sections.flatMap(({ title, panels }) => {
    const row = {
      id: ++id,
      type: 'row',
      title,
      collapsed: false,
      panels: [],
      gridPos: { x: 0, y, w: 24, h: rowHeight },
    }
    const top = y + rowHeight
    y = top + Math.ceil(panels.length / columns) * height
    const placed = panels.map((options, i) => ({
      id: ++id,
      gridPos: {
        x: (i % columns) * width,
        y: top + Math.floor(i / columns) * height,
        w: width,
        h: height,
      },
      ...panel(options),
    }))
    return [row, ...placed]
  })
}

const datasource = { type: 'prometheus', uid: `\${datasource}` }

function panel({ kind, title, description, unit, expr, legend, hasExemplars = false }: PanelOptions): object {
  const isStat = kind === 'stat'
  return {
    type: kind ?? 'timeseries',
    title,
    description,
    datasource,
    targets: [
      {
        refId: 'A',
        datasource,
        editorMode: 'code',
        expr,
        legendFormat: legend,
        range: !isStat,
        instant: isStat,
        exemplar: hasExemplars,
      },
    ],
    fieldConfig: {
      defaults: {
        unit: units[unit],
        ...(isStat
          ? { thresholds: { mode: 'absolute', steps: budgetSteps } }
          : { min: 0, custom: { fillOpacity: 10, showPoints: 'never', spanNulls: false } }),
      },
      overrides: [],
    },
    options: isStat
      ? { reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false }, colorMode: 'background' }
      : {
          legend: { displayMode: 'table', placement: 'bottom', calcs: ['lastNotNull', 'max'] },
          tooltip: { mode: 'multi', sort: 'desc' },
        },
  }
}

/** Of a budget: used up, less than a quarter left, enough left. */
const budgetSteps = [
  { color: 'red', value: null },
  { color: 'orange', value: 0 },
  { color: 'green', value: 0.25 },
]
