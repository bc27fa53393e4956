import type { VNode } from 'preact'
import { useMemo, useRef, useState } from 'preact/hooks'
import type { SystemMap } from '../../src/wire/index.ts'
import { a, classes, component, div, g, path, rect, svg, svgText, svgTitle, useWidth } from '../elements.ts'
import { go } from '../router.ts'
import { layOutMap, mapWidthMin } from './map-layout.ts'
import type { MapEdge, MapNode, PlacedEdge, PlacedNode } from './map-layout.ts'
import { mapTable } from './map-table.ts'
import { addressOfNode, columnTitles, figuresInWords, nameOfNode, nodeInWords } from './map-words.ts'
import { count, duration, perSecond, share } from './quantity.ts'
import { stateShape, toneOf } from './state-word.ts'

/** The system as a picture where there is room for it, and as a table for everybody else. */
export const systemMap = component(({ map }: { readonly map: SystemMap }) => {
  const box = useRef<HTMLDivElement>(null)
  const width = useWidth(box)
  const [near, setNear] = useState<string>()
  const isWide = width >= mapWidthMin
  const layout = useMemo(() => layOutMap(map, Math.max(width, mapWidthMin)), [map, width])
  return div(
    { class: 'map', ref: box },
    isWide &&
      svg(
        {
          class: classes('map-picture', near !== undefined && 'is-near'),
          width: layout.width,
          height: layout.height,
          viewBox: `0 0 ${layout.width} ${layout.height}`,
          role: 'group',
          'aria-label': 'Map of the system',
        },
        layout.columns.map(({ column, x, width }) =>
          svgText(
            { class: 'map-head', x: x + width / 2, y: 14, 'text-anchor': 'middle' },
            columnTitles[column],
          ),
        ),
        layout.edges.map((placed) => edgeOf(placed, near)),
        layout.nodes.map((placed) => nodeOf(placed, near, map.edges, setNear)),
        layout.edges.map((placed) => errorLabelOf(placed)),
      ),
    mapTable(map, { isHidden: isWide }),
  )
})

function touches({ from, to }: MapEdge, id: string): boolean {
  return from === id || to === id
}

/** Wider by a third of a decade of requests: one a second and a thousand a second are both to be seen. */
function strokeWidth({ figures }: MapEdge): number {
  const rate = figures.requestsPerSecond ?? 0
  return rate <= 0 ? 1 : Math.min(1.4 + Math.log10(1 + rate) * 1.3, 6)
}

function hasErrors({ figures }: MapEdge): boolean {
  return (figures.errorShare ?? 0) > 0
}

function edgeOf({ edge, path: d }: PlacedEdge, near: string | undefined): VNode {
  const { requestsPerSecond } = edge.figures
  return g(
    {
      key: `${edge.from} ${edge.to}`,
      class: classes(
        'map-edge',
        (requestsPerSecond ?? 0) === 0 && 'is-idle',
        hasErrors(edge) && 'has-errors',
        near !== undefined && !touches(edge, near) && 'is-far',
      ),
    },
    svgTitle({}, `${edge.from} to ${edge.to}: ${figuresInWords(edge)}`),
    path({ class: 'map-line', d, 'stroke-width': strokeWidth(edge) }),
    hasErrors(edge) && path({ class: 'map-errors', d }),
  )
}

/** Above the nodes, so that none hides it. */
function errorLabelOf({ edge, labelAt: { x, y } }: PlacedEdge): VNode | undefined {
  if (!hasErrors(edge)) return undefined
  const text = share(edge.figures.errorShare)
  const width = text.length * 6.4 + 12
  return g(
    { key: `${edge.from} ${edge.to}`, class: 'map-error-label', 'aria-hidden': 'true' },
    rect({ x: x - width / 2, y: y - 9, width, height: 18, rx: 9 }),
    svgText({ x, y: y + 4, 'text-anchor': 'middle' }, text),
  )
}

function nodeOf(
  { node, x, y, width, height }: PlacedNode,
  near: string | undefined,
  edges: readonly MapEdge[],
  setNear: (id: string | undefined) => void,
): VNode {
  const isFar =
    near !== undefined &&
    near !== node.id &&
    !edges.some((edge) => touches(edge, near) && touches(edge, node.id))
  const [come, leave] = [() => setNear(node.id), () => setNear(undefined)]
  return a(
    {
      key: node.id,
      href: addressOfNode(node),
      class: classes('map-node', node.column, toneOf(node.state), isFar && 'is-far'),
      onClick: (event: MouseEvent) => follow(event, addressOfNode(node)),
      onMouseEnter: come,
      onMouseLeave: leave,
      onFocus: come,
      onBlur: leave,
    },
    rect({ class: 'map-box', x, y, width, height, rx: 8 }, svgTitle({}, nodeInWords(node))),
    contentOf(node, { x: x + 12, y, width: width - 24, height }),
  )
}

/** Links of pictures have no address that the router could read. */
function follow(event: MouseEvent, address: string): void {
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
  event.preventDefault()
  go(address)
}

type Box = { readonly x: number; readonly y: number; readonly width: number; readonly height: number }
/** About the width of a letter of a title, and of what stands beside one. */
const letterPx = { title: 7.4, smallTitle: 6.05, text: 6.2 }

function contentOf(node: MapNode, box: Box): VNode {
  if (node.column === 'clients') return clientsText(node, box)
  return node.column === 'storage' ? storageText(node, box) : nodeText(node, box)
}

function clientsText({ figures }: MapNode, { x, y, width }: Box): VNode {
  return g(
    { 'text-anchor': 'middle' },
    svgText({ class: 'map-title', x: x + width / 2, y: y + 26 }, 'clients'),
    svgText({ class: 'map-figures', x: x + width / 2, y: y + 43 }, perSecond(figures.requestsPerSecond)),
  )
}

function nodeText(node: MapNode, { x, y, width, height }: Box): VNode {
  const [first, second, third] = [y + height * 0.31, y + height * 0.6, y + height * 0.88]
  const name = nameOfNode(node)
  const isLong = name.length > width / letterPx.title
  return g(
    {},
    svgText(
      { class: classes('map-title', isLong && 'is-small'), x, y: first },
      shortened(name, width / letterPx.smallTitle),
    ),
    stateShape(node.state, x, second - 10),
    svgText({ class: classes('map-state', toneOf(node.state)), x: x + 17, y: second }, node.state),
    node.engine !== '' &&
      svgText({ class: 'map-engine', x: x + width, y: second, 'text-anchor': 'end' }, node.engine),
    node.column === 'queues' ? queueFigures(node, x, third, width) : nodeFigures(node, x, third, width),
  )
}

/** Two lines: the name with the engine, and the state with the figures. */
function storageText(node: MapNode, { x, y, width, height }: Box): VNode {
  const [first, second] = [y + height * 0.42, y + height * 0.84]
  const room = width - node.engine.length * letterPx.text - 8
  const stateWidth = 17 + node.state.length * letterPx.text
  return g(
    {},
    svgText(
      { class: 'map-title is-small', x, y: first },
      shortened(nameOfNode(node), room / letterPx.smallTitle),
    ),
    svgText({ class: 'map-engine', x: x + width, y: first, 'text-anchor': 'end' }, node.engine),
    stateShape(node.state, x, second - 10),
    svgText({ class: classes('map-state', toneOf(node.state)), x: x + 17, y: second }, node.state),
    node.figures.requestsPerSecond !== null &&
      nodeFigures(node, x + stateWidth + 10, second, width - stateWidth - 10),
  )
}

function shortened(text: string, lettersMax: number): string {
  return text.length <= lettersMax ? text : `${text.slice(0, Math.floor(lettersMax) - 1)}…`
}

function nodeFigures({ figures }: MapNode, x: number, y: number, width: number): VNode {
  const { requestsPerSecond, errorShare, p95Ms } = figures
  return g(
    { class: 'map-figures' },
    svgText({ x, y }, perSecond(requestsPerSecond)),
    svgText(
      { class: (errorShare ?? 0) > 0 ? 'bad' : '', x: x + width * 0.52, y, 'text-anchor': 'middle' },
      share(errorShare),
    ),
    svgText({ x: x + width, y, 'text-anchor': 'end' }, duration(p95Ms)),
  )
}

function queueFigures({ figures, live, dead }: MapNode, x: number, y: number, width: number): VNode {
  return g(
    { class: 'map-figures' },
    svgText({ x, y }, perSecond(figures.requestsPerSecond)),
    svgText({ x: x + width * 0.52, y, 'text-anchor': 'middle' }, `${count(live)} live`),
    svgText(
      { class: (dead ?? 0) > 0 ? 'bad' : '', x: x + width, y, 'text-anchor': 'end' },
      `${count(dead)} dead`,
    ),
  )
}
