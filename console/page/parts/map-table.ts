import type { VNode } from 'preact'
import type { SystemMap } from '../../src/wire/index.ts'
import { a, caption, classes, div, span, table, tbody, td, th, thead, tr } from '../elements.ts'
import { addressOfNode, columnTitles, nameOfNode } from './map-words.ts'
import type { MapNode } from './map-layout.ts'
import { count, duration, perSecond, share } from './quantity.ts'
import { stateWord } from './state-word.ts'

/**
 * The same as the picture, for screen readers and small screens. Beside the picture it is not to be seen and has no links, since those of
 * the picture lead to the same pages.
 */
export function mapTable(map: SystemMap, { isHidden }: { readonly isHidden: boolean }): VNode {
  return div(
    { class: isHidden ? 'hidden' : 'map-tables' },
    table(
      { class: 'list map-table' },
      caption({}, 'Parts of the system'),
      thead(
        {},
        tr(
          {},
          ['Part', 'State', 'Figures'].map((title) => th({ scope: 'col' }, title)),
        ),
      ),
      tbody(
        {},
        map.nodes.map((node) => nodeRow(node, isHidden)),
      ),
    ),
    div(
      { class: 'hidden' },
      table(
        {},
        caption({}, 'Connections'),
        thead(
          {},
          tr(
            {},
            ['From', 'To', 'Figures'].map((title) => th({ scope: 'col' }, title)),
          ),
        ),
        tbody(
          {},
          map.edges.map((edge) =>
            tr(
              { key: `${edge.from} ${edge.to}` },
              th({ scope: 'row' }, edge.from),
              td({}, edge.to),
              figureCells(edge),
            ),
          ),
        ),
      ),
    ),
  )
}

function nodeRow(node: MapNode, isHidden: boolean): VNode {
  const messages = node.column === 'queues' ? `${count(node.live)} live, ${count(node.dead)} dead` : ''
  const detail = [columnTitles[node.column], node.engine, messages].filter((text) => text !== '').join(' · ')
  return tr(
    { key: node.id },
    th(
      { scope: 'row' },
      isHidden ? nameOfNode(node) : a({ href: addressOfNode(node) }, nameOfNode(node)),
      span({ class: 'map-detail' }, detail),
    ),
    td(
      {},
      node.column === 'clients' ? '' : stateWord(node.state),
      node.fault !== '' && span({ class: 'map-detail' }, node.fault),
    ),
    figureCells(node),
  )
}

function figureCells({ figures }: Pick<MapNode, 'figures'>): VNode {
  const { requestsPerSecond, errorShare, p95Ms } = figures
  return td(
    { class: 'map-cell' },
    span({}, perSecond(requestsPerSecond)),
    span({ class: classes((errorShare ?? 0) > 0 && 'bad') }, `${share(errorShare)} errors`),
    span({}, `95 % in ${duration(p95Ms)}`),
  )
}
