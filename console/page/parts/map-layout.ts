import type { SystemMap } from '../../src/wire/index.ts'

export type MapNode = SystemMap['nodes'][number]
export type MapEdge = SystemMap['edges'][number]

export type PlacedNode = {
  readonly node: MapNode
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}
export type PlacedEdge = {
  readonly edge: MapEdge
  /** The `d` of an SVG path. */
  readonly path: string
  /** Where a figure stands on it. */
  readonly labelAt: Point
}
export type MapLayout = {
  readonly width: number
  readonly height: number
  readonly columns: readonly {
    readonly column: MapNode['column']
    readonly x: number
    readonly width: number
  }[]
  readonly nodes: readonly PlacedNode[]
  readonly edges: readonly PlacedEdge[]
}
type Point = { readonly x: number; readonly y: number }

const mapColumns = ['clients', 'gateway', 'services', 'queues', 'storage'] as const
/** Below this width the nodes would not fit beside each other. */
export const mapWidthMin = 760

const nodeHeight = 58
/** Lower, so that edges pass above and below them. */
const queueHeight = 50
/** Two of them are as high as a row. */
const storageHeight = 38
const rowHeight = 84
const headHeight = 22
const gapShareOfWidth = 0.052
const weights: Record<MapNode['column'], number> = {
  clients: 0.5,
  gateway: 0.88,
  services: 1,
  queues: 1,
  storage: 1.24,
}
const heights: Record<MapNode['column'], number> = {
  clients: nodeHeight,
  gateway: nodeHeight,
  services: nodeHeight,
  queues: queueHeight,
  storage: storageHeight,
}

/**
 * Services stand in rows, each with its own database and cache in the same row, and queues stand between two rows. So an edge that passes a
 * column on its way to the next one does it along a line on which that column has no node.
 */
export function layOutMap(map: Pick<SystemMap, 'nodes' | 'edges'>, width: number): MapLayout {
  const rows = rowsOf(map)
  const all = [...rows.values()]
  const first = Math.min(0, ...all)
  const last = Math.max(0, ...all)
  const columns = columnsOf(width)
  const yOfRow = (row: number) => headHeight + (row - first) * rowHeight + rowHeight / 2
  const nodes = map.nodes.flatMap((node): PlacedNode[] => {
    const column = columns.find(({ column }) => column === node.column)
    const row = rows.get(node.id)
    if (column === undefined || row === undefined) return []
    const height = heights[node.column]
    return [{ node, x: column.x, y: yOfRow(row) - height / 2, width: column.width, height }]
  })
  const queueRows = new Set(
    map.nodes.filter(({ column }) => column === 'queues').map(({ id }) => rows.get(id)),
  )
  const laneYs = halfRows(first, last)
    .filter((row) => !queueRows.has(row))
    .map(yOfRow)
  return {
    width,
    height: headHeight + (last - first + 1) * rowHeight,
    columns,
    nodes,
    edges: placeEdges(map.edges, nodes, columns, laneYs),
  }
}

function columnsOf(width: number): MapLayout['columns'] {
  const gap = width * gapShareOfWidth
  const unit =
    (width - gap * (mapColumns.length - 1)) / mapColumns.reduce((sum, name) => sum + weights[name], 0)
  let x = 0
  return mapColumns.map((column) => {
    const placed = { column, x, width: unit * weights[column] }
    x += placed.width + gap
    return placed
  })
}

/** The row of each node by its id; a half is between two rows. */
function rowsOf({ nodes, edges }: Pick<SystemMap, 'nodes' | 'edges'>): ReadonlyMap<string, number> {
  const of = (column: MapNode['column']) => nodes.filter((node) => node.column === column)
  const services = new Map(of('services').map(({ id }, row) => [id, row]))
  const neighbours = (id: string) =>
    edges
      .flatMap(({ from, to }) => (from === id ? [to] : to === id ? [from] : []))
      .flatMap((other) => services.get(other) ?? [])

  const lastService = services.size - 1
  const rows = new Map(services)
  const between = new Set(halfRows(0, Math.max(lastService, of('queues').length - 2)))
  for (const { id } of of('queues')) {
    const row = mean(neighbours(id)) ?? lastService
    place(id, row < lastService ? row + 0.5 : row - 0.5, between, rows)
  }
  placeStorage(
    of('storage').map(({ id }) => ({ id, beside: neighbours(id) })),
    services.size,
    rows,
  )
  for (const column of ['gateway', 'clients'] as const) {
    const own = of(column)
    own.forEach(({ id }, index) => {
      rows.set(id, Math.max(lastService, 0) / 2 + index - (own.length - 1) / 2)
    })
  }
  return rows
}

/** What one service has alone is in its row, two at most; what several share, or none has, is below. */
function placeStorage(
  storage: readonly { readonly id: string; readonly beside: readonly number[] }[],
  firstFree: number,
  rows: Map<string, number>,
): void {
  const below: string[] = []
  const byRow = Map.groupBy(storage, ({ beside }) => (beside.length === 1 ? beside[0] : undefined))
  for (const [row, ids] of byRow) {
    const own = row === undefined ? [] : ids.slice(0, 2)
    own.forEach(({ id }, index) => {
      rows.set(id, (row ?? 0) + (own.length === 1 ? 0 : index / 2 - 0.25))
    })
    below.push(...ids.slice(own.length).map(({ id }) => id))
  }
  below.forEach((id, index) => {
    rows.set(id, firstFree + index / 2 - 0.25)
  })
}

function place(id: string, wanted: number, free: Set<number>, rows: Map<string, number>): void {
  const [row] = [...free].toSorted((a, b) => Math.abs(a - wanted) - Math.abs(b - wanted))
  if (row === undefined) return
  free.delete(row)
  rows.set(id, row)
}

function halfRows(first: number, last: number): number[] {
  const start = Math.floor(first) - 0.5
  return Array.from({ length: Math.ceil(last) - Math.floor(first) + 2 }, (_, index) => start + index)
}

function mean(numbers: readonly number[]): number | undefined {
  return numbers.length === 0 ? undefined : numbers.reduce((sum, n) => sum + n, 0) / numbers.length
}

function placeEdges(
  edges: readonly MapEdge[],
  nodes: readonly PlacedNode[],
  columns: MapLayout['columns'],
  laneYs: readonly number[],
): PlacedEdge[] {
  const byId = new Map(nodes.map((placed) => [placed.node.id, placed]))
  const known = edges.flatMap((edge) => {
    const [from, to] = [byId.get(edge.from), byId.get(edge.to)]
    return from === undefined || to === undefined ? [] : [{ edge, from, to }]
  })
  const ports = portsOf(known)
  return known.map(({ edge, from, to }) => {
    const isLeftwards = columnIndex(from) > columnIndex(to)
    const [left, right] = isLeftwards ? [to, from] : [from, to]
    const start = { x: left.x + left.width, y: ports(edge, left) }
    const own = ports(edge, right)
    // An edge that comes alone and nearly level is drawn level.
    const isLevel = own === right.y + right.height / 2 && Math.abs(own - start.y) <= right.height / 3
    const end = { x: right.x, y: isLevel ? start.y : own }
    const points = [start, ...passing(left, right, start, end, columns, laneYs), end]
    return {
      edge,
      path: curveThrough(isLeftwards ? points.toReversed() : points),
      labelAt: labelPoint(points),
    }
  })
}

type Ends = { readonly edge: MapEdge; readonly from: PlacedNode; readonly to: PlacedNode }
const portDistance = 7

/** Edges that meet at one side of a node do it side by side, in the order of their other ends. */
function portsOf(edges: readonly Ends[]): (edge: MapEdge, at: PlacedNode) => number {
  const sides = new Map<string, { edge: MapEdge; other: PlacedNode }[]>()
  const side = (at: PlacedNode, other: PlacedNode) =>
    `${at.node.id} ${columnIndex(other) > columnIndex(at) ? 'right' : 'left'}`
  for (const { edge, from, to } of edges) {
    for (const [at, other] of [
      [from, to],
      [to, from],
    ] as const) {
      const key = side(at, other)
      const met = sides.get(key) ?? []
      sides.set(key, [...met, { edge, other }])
    }
  }
  const ys = new Map<string, number>()
  for (const [key, met] of sides) {
    const step = Math.min(portDistance, (nodeHeight - 20) / Math.max(met.length - 1, 1))
    met
      .toSorted((a, b) => a.other.y - b.other.y)
      .forEach(({ edge }, index) => {
        ys.set(`${key} ${edge.from} ${edge.to}`, (index - (met.length - 1) / 2) * step)
      })
  }
  return (edge, at) => {
    const centre = at.y + at.height / 2
    const offset =
      ys.get(`${at.node.id} right ${edge.from} ${edge.to}`) ??
      ys.get(`${at.node.id} left ${edge.from} ${edge.to}`)
    return centre + (offset ?? 0)
  }
}

function columnIndex({ node }: PlacedNode): number {
  return mapColumns.indexOf(node.column)
}

/** The points of an edge at both sides of the columns that it passes. */
function passing(
  left: PlacedNode,
  right: PlacedNode,
  start: Point,
  end: Point,
  columns: MapLayout['columns'],
  laneYs: readonly number[],
): Point[] {
  const passed = columns.slice(columnIndex(left) + 1, columnIndex(right))
  const [first, last] = [passed.at(0), passed.at(-1)]
  if (first === undefined || last === undefined) return []
  const y =
    left.node.column === 'services'
      ? start.y
      : right.node.column === 'queues'
        ? end.y
        : nearest(laneYs, (start.y + end.y) / 2)
  return [
    { x: first.x - 4, y },
    { x: last.x + last.width + 4, y },
  ]
}

function nearest(ys: readonly number[], wanted: number): number {
  return ys.toSorted((a, b) => Math.abs(a - wanted) - Math.abs(b - wanted))[0] ?? wanted
}

/** Level at each point, so that it meets nodes at right angles. */
function curveThrough(points: readonly Point[]): string {
  return points
    .map((point, index) => {
      const before = points[index - 1]
      if (before === undefined) return `M${round(point.x)} ${round(point.y)}`
      if (Math.abs(before.y - point.y) < 0.5) return `L${round(point.x)} ${round(point.y)}`
      const middle = round((before.x + point.x) / 2)
      return `C${middle} ${round(before.y)} ${middle} ${round(point.y)} ${round(point.x)} ${round(point.y)}`
    })
    .join('')
}

/** On the first piece, which is always between two columns; nearer to its end, where edges from one node are further apart. */
function labelPoint(points: readonly Point[]): Point {
  const [from, to] = points
  if (from === undefined || to === undefined) return { x: 0, y: 0 }
  return { x: from.x + (to.x - from.x) * 0.576, y: from.y + (to.y - from.y) * 0.648 }
}

function round(pixels: number): number {
  return Math.round(pixels * 10) / 10
}
