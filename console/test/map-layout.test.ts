import assert from 'node:assert/strict'
import { test } from 'node:test'
import { layOutMap } from '../page/parts/map-layout.ts'
import type { MapLayout, MapNode, PlacedNode } from '../page/parts/map-layout.ts'

const services = ['guid', 'brokerage', 'certificates', 'inventory', 'billing']
const figures = { requestsPerSecond: 1, errorShare: 0, p95Ms: 1 }

test('A service is in a row with its own database and cache', () => {
  const layout = layOutMap(embedded(), 1_060)
  for (const name of services) {
    const middle = middleOf(placed(layout, name))
    for (const kind of ['database', 'cache'])
      assert.ok(Math.abs(middleOf(placed(layout, `${name} ${kind}`)) - middle) < 42, `${name} ${kind}`)
  }
})

test('No two nodes overlap, and all are in the picture', () => {
  for (const layout of pictures())
    for (const [index, one] of layout.nodes.entries()) {
      assert.ok(one.x >= 0 && one.x + one.width <= layout.width + 0.01, one.node.id)
      assert.ok(one.y >= 0 && one.y + one.height <= layout.height, one.node.id)
      for (const other of layout.nodes.slice(index + 1))
        assert.ok(!overlap(one, other), `${one.node.id} and ${other.node.id}`)
    }
})

test('No edge passes through a node that is neither of its ends', () => {
  for (const layout of pictures())
    for (const { edge, path } of layout.edges)
      for (const { node, ...box } of layout.nodes) {
        if (node.id === edge.from || node.id === edge.to) continue
        const within = pointsOf(path).find(
          ({ x, y }) => x > box.x && x < box.x + box.width && y > box.y && y < box.y + box.height,
        )
        assert.equal(within, undefined, `${edge.from} to ${edge.to} through ${node.id}`)
      }
})

test('Edges that meet at a node do it at different points', () => {
  for (const layout of pictures()) {
    const ends = layout.edges.flatMap(({ path }) => [pointsOf(path).at(0), pointsOf(path).at(-1)])
    const texts = ends.map((point) => `${point?.x} ${point?.y}`)
    assert.equal(new Set(texts).size, texts.length)
  }
})

test('An edge from or to what is not on the map is left out', () => {
  const { nodes } = embedded()
  const { edges } = layOutMap({ nodes, edges: [{ from: 'guid', to: 'nowhere', figures }] }, 1_060)
  assert.deepEqual(edges, [])
})

type Given = Parameters<typeof layOutMap>[0]

function pictures(): MapLayout[] {
  return [embedded(), shared()].flatMap((map) => [760, 1_060, 2_000].map((width) => layOutMap(map, width)))
}

/** Each service with a database and a cache of its own. */
function embedded(): Given {
  const stores = services.flatMap((name) => [`${name} database`, `${name} cache`])
  return withQueues(
    stores,
    services.flatMap((name) => [
      [name, `${name} database`],
      [name, `${name} cache`],
    ]),
  )
}

/** A cache that all share, and a database that two do. */
function shared(): Given {
  return withQueues(
    ['one database', 'two database', 'cache redis://host'],
    [
      ['guid', 'one database'],
      ['billing', 'two database'],
      ['inventory', 'two database'],
      ...services.map((name) => [name, 'cache redis://host'] as const),
    ],
  )
}

function withQueues(stores: readonly string[], edges: readonly (readonly [string, string])[]): Given {
  const of = (column: MapNode['column'], ids: readonly string[]) => ids.map((id) => nodeOf(id, column))
  return {
    nodes: [
      ...of('clients', ['clients']),
      ...of('services', services),
      ...of('gateway', ['gateway']),
      ...of('queues', ['commands', 'notifications', 'billing_queue']),
      ...of('storage', stores),
    ],
    edges: [
      ['clients', 'gateway'] as const,
      ...services.map((name) => ['gateway', name] as const),
      ...([
        ['gateway', 'billing_queue'],
        ['billing_queue', 'billing'],
        ['guid', 'commands'],
        ['commands', 'guid'],
        ['certificates', 'notifications'],
        ['notifications', 'certificates'],
      ] as const),
      ...edges,
    ].map(([from, to]) => ({ from, to, figures })),
  }
}

function nodeOf(id: string, column: MapNode['column']): MapNode {
  return {
    id,
    column,
    title: id,
    state: 'up',
    fault: '',
    engine: '',
    url: '',
    figures,
    live: null,
    dead: null,
  }
}

function placed(layout: MapLayout, id: string): PlacedNode {
  const found = layout.nodes.find(({ node }) => node.id === id)
  assert.ok(found, id)
  return found
}

function middleOf({ y, height }: PlacedNode): number {
  return y + height / 2
}

function overlap(one: PlacedNode, other: PlacedNode): boolean {
  return (
    one.x < other.x + other.width &&
    other.x < one.x + one.width &&
    one.y < other.y + other.height &&
    other.y < one.y + one.height
  )
}

/** Points along a path of lines and Bézier curves. */
function pointsOf(path: string): { x: number; y: number }[] {
  const points: { x: number; y: number }[] = []
  for (const [, command = '', text = ''] of path.matchAll(/([MLC])([^MLC]*)/g)) {
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = text.split(' ').map(Number)
    const from = points.at(-1)
    if (command === 'M' || from === undefined) points.push({ x: a, y: b })
    else if (command === 'L') points.push(...along(from, from, { x: a, y: b }, { x: a, y: b }))
    else points.push(...along(from, { x: a, y: b }, { x: c, y: d }, { x: e, y: f }))
  }
  return points
}

type Point = { readonly x: number; readonly y: number }

function along(from: Point, first: Point, second: Point, to: Point): Point[] {
  return Array.from({ length: 40 }, (_, index) => {
    const t = (index + 1) / 40
    const mix = (axis: 'x' | 'y') =>
      (1 - t) ** 3 * from[axis] +
      3 * (1 - t) ** 2 * t * first[axis] +
      3 * (1 - t) * t ** 2 * second[axis] +
      t ** 3 * to[axis]
    return { x: mix('x'), y: mix('y') }
  })
}
